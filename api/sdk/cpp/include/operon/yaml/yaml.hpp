/// operon/yaml/yaml.hpp: YAML from outside, under limits, as JSON with the places it came from.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace operon::yaml {

struct Limits {
  size_t bytes_max = 1u << 20;       ///< of the text
  size_t depth_max = 64;             ///< lists and maps inside each other
  size_t nodes_max = 50'000;         ///< values and keys, each alias counted as all that it stands for
  size_t text_bytes_max = 4u << 20;  ///< of keys and values, aliases likewise
};

/// What a scalar without quotes and tag becomes.
enum class Scalars {
  typed,  ///< null, true, 12, 1.5 by YAML's core schema, else a string
  text    ///< the text as it stands; only an empty one, `~` and `null` are null
};

/// Where something stands; both count from 1.
struct Position {
  int line = 1, column = 1;
};

/// One document. A document without content is null.
struct Document {
  nlohmann::json value;
  std::string name;                           ///< file name, for messages
  std::map<std::string, Position> positions;  ///< by JSON pointer; of a map's member, the place of its key

  /// The place of a value, or of the nearest thing around it.
  Position position(std::string pointer) const;
  /// "name:line" of it.
  std::string where(const std::string& pointer) const;
};

/// Reads one document. `name` stands in messages: "name:line: what". Throws Error(invalid_argument) for what is no YAML, no UTF-8, holds a
/// NUL, a key twice, a key that is no scalar, a merge key, an unknown tag, a second document, or hits a limit. Messages never quote values.
Document load(std::string_view text, const std::string& name, const Limits& = {}, Scalars = Scalars::typed);

/// YAML text that `load` reads back as the same value. Strings that look like something else are quoted.
std::string emit(const nlohmann::json&);

/// One step of a JSON pointer, escaped, with its leading slash.
std::string pointer_step(std::string_view key);

}  // namespace operon::yaml

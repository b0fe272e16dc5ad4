/// scenario_file.hpp: one scenario as its YAML file says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operon/fields/field.hpp"

namespace registry_dir {

inline constexpr size_t scenario_bytes_max = 256u << 10;

/// Title, description and fields: a scenario has them, and so may its globals.
struct Texts {
  std::string title, description;
  std::vector<operon::fields::Field> fields;
};

struct ScenarioFile {
  Texts texts;
  std::optional<Texts> globals;
  std::string run;  ///< JSON: {"argv": [...], "workdir"?, "env"?: {...}, "revert"?: {"argv": [...], "always"?}, "needsKubeconfig"?}
};

/// Throws operon::Error(invalid_argument) as "name:line: what". Scalars are text, so that `default: 010` stays what its author wrote.
ScenarioFile parse_scenario(std::string_view yaml, const std::string& name);

}  // namespace registry_dir

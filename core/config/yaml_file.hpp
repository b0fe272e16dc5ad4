/// core/config/yaml_file.hpp: YAML text as a Tree, under limits. Unlike operon/yaml/yaml.hpp it keeps what configuration needs beside the
/// values: the order of members (instances are asked in it) and the text of scalars with their quoting (an option's type is the table's to
/// decide).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/config/tree.hpp"

namespace operon::config {

struct YamlLimits {
  size_t bytes_max = 1 << 20;
  size_t depth_max = 32;
  size_t nodes_max = 20000;         ///< aliases counted as what they stand for
  size_t text_bytes_max = 4 << 20;  ///< of all keys and values, aliases counted as what they stand for
};

/// One document. `name` stands in messages and in each value's `where`. Throws Error(invalid_argument) as "name:line: what": not YAML, a
/// key given twice, a key that is not a scalar, several documents, a limit.
Tree parse_yaml(std::string_view text, const std::string& name, const YamlLimits& = {});

}  // namespace operon::config

/// yaml_json.hpp: a manifest.yaml as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

/// Reads a YAML file by the core schema's rules (true, 12 and 1.5 are no strings unless quoted; `version` always is one). Throws
/// std::runtime_error with file:line.
nlohmann::json read_yaml(const std::string& file);

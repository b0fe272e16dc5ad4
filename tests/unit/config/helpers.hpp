/// What the configuration tests share: a load from text, arguments and variables, without the machine's own.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/config/load.hpp"

namespace operon::config::test {

/// A folder that is removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "operon-config-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

inline CommandLine arguments(std::vector<std::string> words) {
  words.insert(words.begin(), "operond");
  std::vector<const char*> argv;
  for (const auto& word : words) argv.push_back(word.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

inline Loaded load_with(const std::vector<std::string>& words, std::map<std::string, std::string> environment = {},
                        const std::string& file = "") {
  Surroundings around;
  around.executable = "/opt/operon/bin/operond";
  environment.emplace("HOME", "/home/op");
  around.environment = std::move(environment);
  Folder folder;
  auto line = arguments(words);
  if (!file.empty()) line.config_file = folder.write("operond.yaml", file);
  auto loaded = load(line, around);
  // Messages name the file; where it lies is not what the tests are about.
  for (auto& problem : loaded.problems) {
    const auto at = problem.find(line.config_file);
    if (!file.empty() && at != std::string::npos) problem.replace(at, line.config_file.size(), "operond.yaml");
  }
  return loaded;
}

inline std::string lines(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& line : all) text += line + "\n";
  return text;
}

/// The approved text of that name. With OPERON_UPDATE_GOLDEN set, `actual` becomes it: look at the difference before it is committed.
inline std::string golden(const std::string& name, const std::string& actual) {
  const char* source = std::getenv("OPERON_SOURCE_DIR");
  const auto path = std::filesystem::path(source != nullptr ? source : ".") / "tests/unit/config/golden" / name;
  if (std::getenv("OPERON_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << actual;
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace operon::config::test

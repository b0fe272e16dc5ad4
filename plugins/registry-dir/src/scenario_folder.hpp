/// scenario_folder.hpp: the folder's scenarios as they are now. A file is parsed again only when it has changed.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "scenario_file.hpp"

namespace registry_dir {

inline constexpr size_t scenarios_max = 10'000;

struct Entry {
  std::string name;
  std::string digest;         ///< "sha256:..." of the file
  int64_t size = 0;           ///< bytes
  std::string last_modified;  ///< RFC 3339, UTC
  ScenarioFile scenario;
};

/// Thread-safe.
class ScenarioFolder {
 public:
  /// `report` is told about each file that is skipped: its path and the reason; once, until the file changes.
  ScenarioFolder(std::string path, std::function<void(const std::string& file, const std::string& reason)> report);

  /// By name. Throws Error(unavailable) when the folder cannot be read, resource_exhausted when it holds more than `scenarios_max`.
  std::vector<std::shared_ptr<const Entry>> list();
  /// Throws Error(not_found); a malformed file says so with its line.
  std::shared_ptr<const Entry> find(const std::string& name);

  const std::string& path() const { return path_; }

 private:
  struct Known {
    struct stat info {};
    bool settled = false;  ///< the file was old enough when it was read that a later change shows in its times
    std::shared_ptr<const Entry> entry;
    std::string fault;  ///< why it is skipped
  };
  const Known& look(int folder, const std::string& name);
  Known read(int folder, const std::string& name);

  std::string path_;
  std::function<void(const std::string&, const std::string&)> report_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;
};

/// Letters, digits, `.`, `_` and `-`, beginning with a letter or digit; at most 128.
bool is_scenario_name(const std::string&);

}  // namespace registry_dir

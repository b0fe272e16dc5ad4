/// core/app/operond/state_dir.hpp: the folder that one host owns.
#pragma once

#include <filesystem>

#include "core/base/files.hpp"

namespace operon::app {

/// Made (mode 0700) when missing, and locked for as long as this lives: two hosts on one folder would each start the other's runs again.
class StateDir {
 public:
  /// Throws Error: failed_precondition naming the process that has it, unavailable when it cannot be made or written.
  explicit StateDir(std::filesystem::path);

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  base::Fd lock_;
};

}  // namespace operon::app

/// contexts.hpp: the merged kubeconfig files as they are now. A file is parsed again only when it has changed.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "operon/kubeconfig/kubeconfig.hpp"

namespace target_file {

/// Thread-safe.
class Contexts {
 public:
  /// `report` is told about each file that is skipped, once until it changes.
  Contexts(std::vector<std::filesystem::path> files, std::function<void(const std::string& file, const std::string& reason)> report);

  /// All readable files merged; the unreadable ones are left out.
  operon::kubeconfig::Kubeconfig merged();

 private:
  struct File {
    std::filesystem::path path;
    struct stat info {};
    bool settled = false;  ///< old enough when it was read that a later change shows in its times
    std::optional<operon::kubeconfig::Kubeconfig> config;
    std::string fault;
  };
  void refresh(File&);

  std::mutex mutex_;
  std::vector<File> files_;
  std::function<void(const std::string&, const std::string&)> report_;
};

}  // namespace target_file

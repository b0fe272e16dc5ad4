/// contexts.hpp: the merged kubeconfig files as they are now. A file is parsed again only when it has changed.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "operon/kubeconfig/kubeconfig.hpp"

namespace target_file {

/// Thread-safe.
class Contexts {
 public:
  /// File times move in steps of a few milliseconds: two writes within one step cannot be told apart by them.
  static constexpr std::chrono::nanoseconds settle_ns{100'000'000};

  /// `report` is told about each file that is skipped, once until it changes. A file that changed less than `settle` ago is read each time.
  Contexts(std::vector<std::filesystem::path> files, std::function<void(const std::string& file, const std::string& reason)> report,
           std::chrono::nanoseconds settle = settle_ns);

  /// All readable files merged; the unreadable ones are left out.
  operon::kubeconfig::Kubeconfig merged();

  struct Access {
    std::string server, kubeconfig;  ///< the latter self-contained
  };
  /// Absent = no context of that name. Throws Error(failed_precondition) when its kubeconfig cannot be made.
  std::optional<Access> access(const std::string& context);

 private:
  struct File {
    std::filesystem::path path;
    struct stat info {};
    bool settled = false;  ///< old enough when it was read that a later change shows in its times
    bool missing = false;
    std::optional<operon::kubeconfig::Kubeconfig> config;
    std::string fault;
  };
  bool refresh(File&);  // true: it was read again
  operon::kubeconfig::Kubeconfig merge();

  const std::chrono::nanoseconds settle_;
  std::mutex mutex_;
  std::vector<File> files_;
  /// Of contexts that name no other file, until one of ours changes: writing YAML is most of what an access costs.
  std::map<std::string, Access> made_;
  std::function<void(const std::string&, const std::string&)> report_;
};

}  // namespace target_file

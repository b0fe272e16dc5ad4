/// core/app/operond/readiness.hpp: may this host be sent work? Named checks, each with its reason.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace operon::app {

/// Thread-safe.
class Readiness {
 public:
  /// Returns what is wrong, empty when nothing. Quick, from memory. Checks are shown in the order they were added.
  using Check = std::function<std::string()>;

  void add(std::string name, Check check) { add_one({std::move(name), std::move(check), true}); }
  /// Shown beside the others; what is wrong with it keeps no request away.
  void add_remark(std::string name, Check check) { add_one({std::move(name), std::move(check), false}); }
  /// After this no check is asked again: what they look at may go.
  void close();

  /// "starting", "serving", "draining": anything but serving is not ready.
  void set_phase(std::string phase);

  struct Report {
    bool ready = true;
    std::vector<std::pair<std::string, std::string>> checks;  ///< name, what is wrong
  };
  Report report() const;

 private:
  struct Named {
    std::string name;
    Check check;
    bool decides;
  };
  void add_one(Named);

  mutable std::mutex mutex_;
  std::vector<Named> checks_;
  std::string phase_ = "starting";
};

/// As kube-apiserver writes it: one line a check, "[+]store ok" or "[-]store failed: disk is full", then the verdict.
std::string text_of(const Readiness::Report&, const std::string& endpoint);

}  // namespace operon::app

/// core/app/operonctl/child.hpp: runs one check in a process of its own, so that a plugin's crash is a finding and not our end.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace operon::ctl {

struct Finding {
  enum class Verdict { passed, failed, skipped } verdict = Verdict::passed;
  std::string text;  ///< one line
};

/// Forks; the child runs `check` and its finding comes back. A crash, an exit of its own or more than `limit` is a failed finding that says
/// which.
Finding in_child(const std::function<Finding()>& check, std::chrono::milliseconds limit);

}  // namespace operon::ctl

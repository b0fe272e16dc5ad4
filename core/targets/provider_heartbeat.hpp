/// core/targets/provider_heartbeat.hpp: our provider instances as KrknOperatorTargetProvider objects that show they are alive.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "core/kube/client.hpp"
#include "core/plugin/directory.hpp"

namespace operon::base {
class Clock;
}

namespace operon::targets {

/// One object an instance, named like it. Runs on a thread of its own, on the leader alone.
class ProviderHeartbeat {
 public:
  static constexpr std::chrono::seconds period{30};
  static constexpr std::chrono::seconds switch_off_max{3};  ///< of the last words at stop()

  ProviderHeartbeat(plugin::Directory, kube::Client&, std::string name_space, base::Clock&);
  ~ProviderHeartbeat();  ///< stops

  /// Ready instances are there, active and beating, and go on beating every `period`. What fails is logged and tried again with the next
  /// beat.
  void start();
  /// Switches them off: requests do not wait for us any more.
  void stop();

 private:
  void loop();
  void beat();
  void write(const std::string& instance, bool active, std::chrono::milliseconds timeout);

  const plugin::Directory directory_;
  kube::Client& client_;
  const std::string name_space_;
  base::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::set<std::string> beating_;  ///< of the thread, and of stop() after it
  std::thread thread_;
};

}  // namespace operon::targets

/// core/targets/request_controller.hpp: brings every KrknTargetRequest to Completed: asks our providers, waits for foreign ones, writes the
/// Secret, lets what is not used any more expire.
#pragma once

#include <memory>
#include <string>

#include "core/kube/client.hpp"
#include "core/kube/informer.hpp"
#include "core/plugin/directory.hpp"
#include "core/targets/targets.hpp"

namespace operon::base {
class Clock;
}

namespace operon::targets {

/// Thread-safe. Works between start() and stop(), on the leader alone; everything it writes is safe to write twice.
class RequestController {
 public:
  static constexpr unsigned workers = 4;
  static constexpr int64_t heartbeat_ms_max = 180'000;  ///< older, and a provider does not count as active

  /// The informers follow KrknTargetRequest and KrknOperatorTargetProvider objects of `name_space`; they and the client must outlive it.
  RequestController(plugin::Directory, kube::Client&, std::string name_space, kube::Informer& requests, kube::Informer& providers,
                    base::Clock&, TargetLimits);
  ~RequestController();  ///< stops

  void start();
  /// Calls in flight are cancelled; what is half done is taken up by the next leader.
  void stop();
  /// Something about this request, or (empty) about some provider, has changed. Never blocks; without effect while it does not work.
  void look(const std::string& key);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  ///< shared with answers that are still under way
};

}  // namespace operon::targets

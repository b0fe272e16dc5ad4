/// core/app/operond/host.hpp: the parts of the host, in the order in which they start and stop. The composition root: the only place that
/// knows all of them.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/config/load.hpp"

namespace operon::app {

/// One thread makes, starts, reloads and stops it.
class Host {
 public:
  explicit Host(config::Settings);
  ~Host();

  /// State folder, store, plugins, targets, runs recovered, ready, accepting. Throws Error; what had been started is stopped then.
  void start();
  /// Addresses really bound.
  std::vector<std::string> rest_addresses() const;
  std::vector<std::string> probe_addresses() const;

  /// Takes up what can be, logs what could not and why. A configuration with problems changes nothing.
  void reload(const config::Loaded&);
  std::chrono::milliseconds drain_time() const;

  /// Not ready, no new run, streams told, calls cancelled, store closed: within `grace`. False when something had to be cut.
  bool stop(std::chrono::milliseconds grace);

 private:
  struct Parts;
  config::Settings settings_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace operon::app

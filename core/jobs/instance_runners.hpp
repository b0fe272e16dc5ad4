/// core/jobs/instance_runners.hpp: the host's configured instances as the runners of the job table and the log hub.
#pragma once

#include "core/jobs/runners.hpp"
#include "core/plugin/instances.hpp"

namespace operon::jobs {

/// `instances` must outlive it.
class InstanceRunners final : public Runners {
 public:
  explicit InstanceRunners(const plugin::Instances& instances) : instances_(instances) {}
  std::shared_ptr<plugin::Instance> find(std::string_view name) const override { return instances_.find(name); }

 private:
  const plugin::Instances& instances_;
};

}  // namespace operon::jobs

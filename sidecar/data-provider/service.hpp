/// data-provider/service.hpp: the RPCs of proto/dataprovider.proto.
#pragma once

#include <memory>

#include "background.hpp"
#include "call_gate.hpp"
#include "cluster_pool.hpp"
#include "options.hpp"

namespace operon::data_provider {

class Served;

inline constexpr const char* service_name = "dataprovider.DataProviderService";

/// What the calls share. Must outlive the service and every call; the gate is empty by then.
struct Provider {
  explicit Provider(const Options& o)
      : options(o),
        clusters(o.clusters),
        gate(o.calls.calls_max, "calls_max"),
        kubectl_gate(o.calls.kubectl_calls_max, "kubectl_calls_max"),
        streams_gate(o.calls.streams_max, "streams_max") {}

  const Options options;
  ClusterPool clusters;
  CallGate gate, kubectl_gate, streams_gate;
  Background background;  // last: its work uses what is above
};

std::unique_ptr<Served> make_service(Provider&);

}  // namespace operon::data_provider

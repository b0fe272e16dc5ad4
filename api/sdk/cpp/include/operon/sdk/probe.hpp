/// operon/sdk/probe.hpp: whether a cluster's API server answers, asked through the host. Needs the library `kubeconfig`.
#pragma once

#include <string>

#include "operon/kubeconfig/probe.hpp"
#include "operon/sdk/host.hpp"
#include "operon/sdk/target_provider.hpp"

namespace operon::sdk {

/// An answer of any kind shows that the server is there, also a refusal. The plugin's manifest must name operon.host.http/1. Throws Error
/// when the host could not ask at all.
inline ProbeAnswer probe_cluster(const Host& host, const Call& call, const std::string& flattened_kubeconfig) {
  try {
    const auto answer = host.ask(call, "operon.host.http/1", "request", kubeconfig::probe_request(flattened_kubeconfig));
    return {true, "the API server answered " + std::to_string(answer.value("status", 0))};
  } catch (const Error& e) {
    if (e.code() == Code::unavailable || e.code() == Code::deadline_exceeded) return {false, e.what()};
    if (e.code() == Code::resource_exhausted) return {true, "the API server answered at length"};
    throw;
  }
}

}  // namespace operon::sdk

/// operon/kubeconfig/probe.hpp: the question that shows whether a cluster's API server answers.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace operon::kubeconfig {

/// The request for operon.host.http/1: GET <server>/version with the cluster's own trust, without credentials: whoever refuses us is there.
nlohmann::json probe_request(const std::string& flattened_kubeconfig);

}  // namespace operon::kubeconfig

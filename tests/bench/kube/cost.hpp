/// tests/bench/kube/cost.hpp: what a benchmark program on a cluster has used, and how it tells.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "core/kube/client.hpp"

namespace operon::bench {

/// Of this process, kernel's share included.
double cpu_seconds();
double now_seconds();

/// $KUBECONFIG's cluster.
kube::ClusterConfig cluster();

/// One line for cluster.py, which looks at this process from outside, too: waits until it closes the input.
void tell(const nlohmann::json&);

/// Runs main's work; a message and 1 when it throws.
int run_main(void (*work)(int argc, char** argv), int argc, char** argv);

}  // namespace operon::bench

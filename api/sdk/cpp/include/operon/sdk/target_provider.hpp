/// operon/sdk/target_provider.hpp: base class of plugins that know clusters (`operon.target-provider/1`).
/// Of each pair override one: the plain function blocks a thread of the instance's executor, the `_async` one answers later.
#pragma once

#include <vector>

#include "operon/kinds/target_provider_json.hpp"
#include "operon/sdk/overridden.hpp"
#include "operon/sdk/plugin.hpp"

namespace operon::sdk {

using kinds::target_provider::Cluster;
using kinds::target_provider::ClusterAccess;
using kinds::target_provider::ClusterRequest;
using kinds::target_provider::ProbeAnswer;
using TargetListRequest = kinds::target_provider::ListRequest;

class TargetProvider : public virtual Plugin {
 public:
  virtual std::vector<Cluster> list(Call&, const TargetListRequest&) { sdk::detail::not_offered("list"); }
  virtual void list_async(AsyncCall<std::vector<Cluster>>, TargetListRequest) {}

  /// Throws Error(not_found) for a cluster it does not know.
  virtual ClusterAccess get(Call&, const ClusterRequest&) { sdk::detail::not_offered("get"); }
  virtual void get_async(AsyncCall<ClusterAccess>, ClusterRequest) {}

  /// Whether the cluster answers; a cluster that does not is an answer, no error.
  virtual ProbeAnswer probe(Call&, const ClusterRequest&) { sdk::detail::not_offered("probe"); }
  virtual void probe_async(AsyncCall<ProbeAnswer>, ClusterRequest) {}

  template <class C>
  static Interface<C> interface_of() {
    return {kinds::target_provider::id,
            {OPERON_SDK_VERB(C, TargetProvider, list, streams), OPERON_SDK_VERB(C, TargetProvider, get, plain),
             OPERON_SDK_VERB(C, TargetProvider, probe, plain)}};
  }
};

}  // namespace operon::sdk

#include "check.hpp"
#include "operon/sdk/target_provider.hpp"
#include "operon/testing/host.hpp"

using namespace operon::sdk;

constexpr auto provider = operon::kinds::target_provider::id;

static nlohmann::json two_clusters() {
  return {{"clusters", {{{"name", "one"}, {"api_url", "https://one.example:6443"}}, {{"name", "two"}}}}};
}

static void clusters_are_listed_and_found() {
  const auto host = operon::testing::Host::load(PLUGIN_LIBRARY);
  host->configure(two_clusters());
  CHECK(host->call(provider, "list").items_as<Cluster>().size() == 2);
  CHECK(host->call(provider, "get", ClusterRequest{"one"}).as<ClusterAccess>().cluster_api_url == "https://one.example:6443");
  CHECK(host->call(provider, "get", ClusterRequest{"three"}).code == operon::Code::not_found);
  CHECK(host->call(provider, "probe", ClusterRequest{"one"}).as<ProbeAnswer>().reachable);
  CHECK(!host->call(provider, "probe", ClusterRequest{"two"}).as<ProbeAnswer>().reachable);
  CHECK(host->breaches().empty());
}

static void a_bad_configuration_leaves_the_old_one_in_force() {
  const auto host = operon::testing::Host::load(PLUGIN_LIBRARY);
  host->configure(two_clusters());
  try {
    host->configure({{"clusters", {{{"name", "one"}}, {{"name", "one"}}}}});
    CHECK(!"refused");
  } catch (const operon::Error& error) {
    CHECK(error.field() == "clusters");
  }
  CHECK(host->call(provider, "list").items_as<Cluster>().size() == 2);
}

int main() {
  clusters_are_listed_and_found();
  a_bad_configuration_leaves_the_old_one_in_force();
}

#include "core/kube/lease.hpp"

#include <atomic>

#include "cluster.hpp"

using namespace operon;
using namespace operon::kube;
using namespace operon::kube::test;
using std::chrono::milliseconds;

namespace {

LeaseOptions options_for(const std::string& name_space, const std::string& identity) {
  return {name_space, "leader", identity, milliseconds(3000), milliseconds(2000), milliseconds(200)};
}

}  // namespace

TEST_CASE_METHOD(Namespace, "one of two leads, and the other follows at once when the first one goes") {
  std::atomic<int> first_state{0}, second_state{0};
  std::atomic<bool> held{false};
  auto first = std::make_unique<LeaderElection>(
      client, options_for(name(), "one"),
      [&](const LeaderElection::Holds& holds) {
        held = holds();
        first_state = 1;
      },
      [&] { first_state = 2; });
  REQUIRE(eventually([&] { return first->leading() && first_state == 1; }));
  CHECK(held);
  LeaderElection second(
      client, options_for(name(), "two"), [&](const LeaderElection::Holds&) { second_state = 1; }, [&] { second_state = 2; });
  REQUIRE(eventually([&] { return second.holder() == "one"; }));
  CHECK_FALSE(second.leading());
  CHECK_THROWS_AS(second.fence(), Error);
  const auto term = first->fence().term;
  const auto gone = std::chrono::steady_clock::now();
  first.reset();
  CHECK(first_state == 2);
  REQUIRE(eventually([&] { return second.leading() && second_state == 1; }));
  CHECK(std::chrono::steady_clock::now() - gone < milliseconds(2500));  // given back, not run out
  CHECK(second.fence().term > term);
}

TEST_CASE_METHOD(Namespace, "a leader that does not reach the server stops before another one begins") {
  FaultProxy proxy;
  Client cut_off(proxy.config());
  std::atomic<bool> one_leads{false}, both{false};
  LeaderElection one(
      cut_off, options_for(name(), "one"), [&](const LeaderElection::Holds&) { one_leads = true; }, [&] { one_leads = false; });
  REQUIRE(eventually([&] { return one.leading(); }));
  LeaderElection two(
      client, options_for(name(), "two"), [&](const LeaderElection::Holds&) { both = one_leads.load(); }, [] {});
  proxy.rules({{{"match", "leases"}, {"do", "reset"}}});
  REQUIRE(eventually([&] { return two.leading(); }, milliseconds(15'000)));
  CHECK_FALSE(both);
  CHECK_FALSE(one.leading());
  CHECK_THROWS_AS(one.fence(), Error);
  proxy.rules(nlohmann::json::array());
}

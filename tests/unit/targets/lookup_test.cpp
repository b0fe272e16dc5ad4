#include <catch2/catch.hpp>

#include "core/base/manual_clock.hpp"
#include "core/targets/local_targets.hpp"
#include "tests/unit/targets/fake_provider.hpp"
#include "tests/unit/targets/temporary_folder.hpp"

using namespace operon;
using namespace operon::targets;

namespace {

struct Bench {
  test::TemporaryFolder folder;
  test::FakeDirectory plugins;
  base::ManualClock clock;
  std::unique_ptr<Targets> targets;

  Bench() {
    test::make_provider(*plugins.add("one"), {"a", "both", "localhost", "garbled", "vanished", "refused", "blank"});
    test::make_provider(*plugins.add("two"), {"b", "both"});
    targets = std::make_unique<LocalTargets>(plugins.directory(), file_store(folder.path()), clock, TargetLimits{});
  }

  /// "CODE: message" of the look-up's refusal.
  std::string refusal(const ClusterKey& key) {
    try {
      targets->access(key);
    } catch (const Error& e) {
      return std::to_string(static_cast<int>(e.code())) + ": " + e.what();
    }
    return "found";
  }
};

}  // namespace

TEST_CASE("a cluster is found under whichever provider has it") {
  Bench t;
  const auto id = t.targets->create();
  const auto a = t.targets->access({id, "a", ""});
  CHECK(a.provider == "one");
  CHECK(a.cluster_api_url == "https://a");
  CHECK(a.kubeconfig == std::string(test::some_kubeconfig()));
  CHECK(t.targets->access({id, "b", ""}).provider == "two");
  CHECK(t.targets->access({id, "both", "two"}).provider == "two");
}

TEST_CASE("a target without a kubeconfig is found") {
  Bench t;
  CHECK_FALSE(t.targets->access({t.targets->create(), "localhost", ""}).kubeconfig.has_value());
}

TEST_CASE("every refusal of the look-up in its own words") {
  Bench t;
  const auto id = t.targets->create();
  CHECK(t.refusal({"nope", "a", ""}) == "5: Secret with id 'nope' not found");
  CHECK(t.refusal({id, "c", ""}) == "5: Kubeconfig for cluster 'c' not found in secret");
  CHECK(t.refusal({id, "a", "two"}) == "5: Kubeconfig for cluster 'a' not found in secret (provider 'two')");
  CHECK(t.refusal({id, "vanished", ""}) == "5: Kubeconfig for cluster 'vanished' not found in secret");
  CHECK(t.refusal({id, "both", ""}) == "10: cluster 'both' is known to several providers (one, two): name one of them as provider");
  CHECK(t.refusal({id, "blank", ""}) == "9: kubeconfig of cluster 'blank' is empty");
  CHECK(t.refusal({id, "garbled", ""}).substr(0, 2) == "9:");
  CHECK(t.refusal({id, "garbled", ""}).find("'garbled'") != std::string::npos);
  CHECK(t.refusal({id, "garbled", ""}).find("canary") == std::string::npos);
}

TEST_CASE("what a provider is refused is no refusal of the caller") {
  Bench t;
  CHECK(t.refusal({t.targets->create(), "refused", ""}) == "14: the hub refused the provider");
}

TEST_CASE("a request without any cluster data, a pending one, and a provider that has gone") {
  Bench t;
  t.plugins.instances[0]->hold();
  const auto pending = t.targets->create();
  CHECK(t.refusal({pending, "a", ""}) == "5: KrknTargetRequest with id '" + pending + "' is not completed");
  t.plugins.instances[0]->release();
  CHECK(t.refusal({pending, "a", ""}) == "found");

  auto gone = t.plugins.instances;
  t.plugins.instances.clear();
  CHECK(t.refusal({pending, "a", ""}) == "14: target provider 'one', which knows cluster 'a', is not ready");

  TargetRequest nothing;
  nothing.id = pending;
  nothing.status = RequestStatus::completed;
  CHECK_THROWS_WITH(locate(nothing, {pending, "a", ""}), "managed-clusters not found in secret");
}

TEST_CASE("control characters of a caller do not reach a message") {
  Bench t;
  CHECK(t.refusal({"a\nb", "c", ""}).find('\n') == std::string::npos);
}

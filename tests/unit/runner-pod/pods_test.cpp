#include "pods.hpp"

#include <catch2/catch.hpp>

using namespace operon::runner_pod;
using operon::kinds::job_runner::Phase;

namespace {

/// What is kept, without a cluster: nothing is asked before begin().
struct Kept {
  Cluster cluster{operon::sdk::Host(), "ns"};
  std::vector<std::string> changed, gone;
  Pods pods{cluster,
            operon::sdk::Host(),
            {[this](const std::string& job) { changed.push_back(job); }, [this](const std::string& job) { gone.push_back(job); }}};
};

PodState state(uint64_t version, Phase phase, std::string uid = "u") {
  PodState s;
  s.job_id = "j";
  s.name = "krkn-job-j";
  s.uid = std::move(uid);
  s.version = version;
  s.phase = phase;
  return s;
}

}  // namespace

TEST_CASE("nothing older than what was known replaces it") {
  Kept kept;
  kept.pods.put(state(5, Phase::running));
  kept.pods.put(state(4, Phase::pending));
  CHECK(kept.pods.find("j")->phase == Phase::running);
  CHECK(kept.changed.size() == 1);
  kept.pods.put(state(6, Phase::running));
  CHECK(kept.changed.size() == 1);  // nothing that anybody sees
  kept.pods.put(state(7, Phase::succeeded));
  CHECK(kept.changed.size() == 2);
  kept.pods.put(state(8, Phase::failed));
  CHECK(kept.pods.find("j")->phase == Phase::succeeded);
}

TEST_CASE("a pod that goes leaves its run's end") {
  Kept kept;
  kept.pods.put(state(5, Phase::running));
  kept.pods.put_gone(state(6, Phase::running));
  CHECK(kept.pods.find("j")->phase == Phase::stopped);
  CHECK(kept.pods.find("j")->message == pod_deleted_words);
  CHECK(kept.gone == std::vector<std::string>{"j"});
  kept.pods.put(state(6, Phase::running));  // an answer that came late
  CHECK(kept.pods.find("j")->phase == Phase::stopped);
  CHECK(kept.pods.all().empty());
  kept.pods.forget("j");
  CHECK_FALSE(kept.pods.find("j"));
}

TEST_CASE("an end that was seen stands when the pod goes") {
  Kept kept;
  kept.pods.put(state(5, Phase::succeeded));
  kept.pods.put_gone(state(6, Phase::failed));
  CHECK(kept.pods.find("j")->phase == Phase::succeeded);
  CHECK(kept.changed.size() == 1);
  CHECK(kept.gone.size() == 1);
}

TEST_CASE("another pod of that name is another run") {
  Kept kept;
  kept.pods.put(state(5, Phase::running));
  kept.pods.put_gone(state(6, Phase::running));
  kept.pods.put(state(9, Phase::pending, "u2"));
  CHECK(kept.pods.find("j")->phase == Phase::pending);
}

TEST_CASE("a forgotten pod is not found while it goes, and leaves nothing") {
  Kept kept;
  kept.pods.put(state(5, Phase::running));
  kept.pods.forget("j");
  CHECK_FALSE(kept.pods.find("j"));
  kept.pods.put(state(6, Phase::running));
  kept.pods.put_gone(state(7, Phase::running));
  CHECK_FALSE(kept.pods.find("j"));
}

TEST_CASE("a forgotten run keeps no observer") {
  for (const bool gone_first : {true, false}) {
    Kept kept;
    auto observer = std::make_shared<Pods::Observer>([](const PodState&) { return false; });
    const std::weak_ptr<Pods::Observer> kept_observer = observer;
    kept.pods.put(state(5, Phase::running));
    kept.pods.observe("j", std::move(observer));
    if (gone_first) kept.pods.put_gone(state(6, Phase::running));
    kept.pods.forget("j");
    if (!gone_first) kept.pods.put_gone(state(6, Phase::running));
    CHECK(kept_observer.expired());
  }
}

TEST_CASE("whoever observes is told of what is and what comes, until they have enough") {
  Kept kept;
  std::vector<Phase> told;
  kept.pods.put(state(5, Phase::pending));
  kept.pods.observe("j", std::make_shared<Pods::Observer>([&](const PodState& s) {
                      told.push_back(s.phase);
                      return s.ended();
                    }));
  kept.pods.put(state(6, Phase::running));
  kept.pods.put(state(7, Phase::succeeded));
  kept.pods.put_gone(state(8, Phase::succeeded));
  CHECK(told == std::vector<Phase>{Phase::pending, Phase::running, Phase::succeeded});
}

TEST_CASE("of a pod that is being removed as if it had never been nobody is told") {
  Kept kept;
  // Known, or not told of by the watch yet.
  if (GENERATE(true, false)) kept.pods.put(state(5, Phase::pending));
  const auto told = kept.changed.size();
  kept.pods.disown(state(5, Phase::pending));
  CHECK_FALSE(kept.pods.find("j"));
  CHECK(kept.pods.all().empty());
  SECTION("its end comes") {
    kept.pods.put_gone(state(6, Phase::pending));
    CHECK_FALSE(kept.pods.find("j"));
    CHECK(kept.gone.empty());
    CHECK(kept.changed.size() == told);
  }
  SECTION("the next start's pod comes first") {
    kept.pods.put(state(7, Phase::pending, "second"));
    REQUIRE(kept.pods.find("j"));
    CHECK(kept.pods.find("j")->uid == "second");
    kept.pods.put_gone(state(8, Phase::pending, "second"));
    CHECK(kept.gone == std::vector<std::string>{"j"});
  }
  SECTION("it is taken for good after all") {
    kept.pods.put(state(5, Phase::pending));
    CHECK(kept.pods.find("j"));
  }
}

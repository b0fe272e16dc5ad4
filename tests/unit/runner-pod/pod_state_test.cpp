#include "pod_state.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace operon::runner_pod;
using nlohmann::json;
using operon::kinds::job_runner::Phase;

namespace {

json pod(json status, json metadata = json::object()) {
  json meta = {{"name", "krkn-job-j"}, {"uid", "u"}, {"resourceVersion", "7"}, {"labels", {{"krkn-job-id", "j"}}}};
  meta.update(metadata);
  return {{"metadata", meta},
          {"spec",
           {{"activeDeadlineSeconds", 60},
            {"containers", {{{"name", "scenario"}, {"image", "quay.io/x:1"}, {"resources", {{"limits", {{"memory", "64Mi"}}}}}}}}}},
          {"status", std::move(status)}};
}
json container(json state) {
  return json::array({{{"name", "scenario"}, {"state", std::move(state)}}});
}
json waiting(const char* reason, const char* message) {
  return {{"phase", "Pending"}, {"containerStatuses", container({{"waiting", {{"reason", reason}, {"message", message}}}})}};
}
json terminated(json how, const char* phase = "Failed") {
  how["finishedAt"] = "2026-11-21T13:00:10Z";
  return {{"phase", phase}, {"startTime", "2026-11-21T13:00:00Z"}, {"containerStatuses", container({{"terminated", std::move(how)}})}};
}
PodState read(json status, json metadata = json::object()) {
  const auto state = read_pod(pod(std::move(status), std::move(metadata)));
  REQUIRE(state);
  return *state;
}
json disrupted(json status, const char* reason) {
  status["conditions"] = {{{"type", "DisruptionTarget"}, {"status", "True"}, {"reason", reason}, {"message", "told"}}};
  return status;
}

}  // namespace

TEST_CASE("why a run waits") {
  CHECK(read({{"phase", "Pending"}}).message.empty());
  CHECK(read(waiting("ContainerCreating", "")).message == "the container is being created");
  CHECK(read(waiting("ImagePullBackOff", "Back-off pulling")).message ==
        "the image quay.io/x:1 cannot be pulled (ImagePullBackOff): Back-off pulling");
  CHECK(read(waiting("ErrImagePull", "not found")).message == "the image quay.io/x:1 cannot be pulled (ErrImagePull): not found");
  CHECK(read(waiting("CreateContainerConfigError", "secret \"s\" not found")).message ==
        "the container cannot be created (CreateContainerConfigError): secret \"s\" not found");
  const json conditions = {
      {{"type", "PodScheduled"}, {"status", "False"}, {"reason", "Unschedulable"}, {"message", "0/1 nodes are available"}}};
  const auto state = read({{"phase", "Pending"}, {"conditions", conditions}});
  CHECK(state.phase == Phase::pending);
  CHECK(state.message == "no node can run the pod (unschedulable): 0/1 nodes are available");
}

TEST_CASE("a run that runs, and one that succeeded") {
  auto state = read({{"phase", "Running"},
                     {"startTime", "2026-11-21T13:00:00Z"},
                     {"containerStatuses", container({{"running", {{"startedAt", "2026-11-21T13:00:01Z"}}}})}});
  CHECK(state.phase == Phase::running);
  CHECK(state.container_began);
  CHECK_FALSE(state.container_ended);
  CHECK(state.start_unix_ms == 1795266000000);
  CHECK(state.version == 7);
  state = read(terminated({{"exitCode", 0}, {"reason", "Completed"}}, "Succeeded"));
  CHECK(state.phase == Phase::succeeded);
  CHECK(state.exit_code == 0);
  CHECK(state.end_unix_ms == 1795266010000);
  CHECK(state.message.empty());
}

TEST_CASE("why a run failed") {
  auto state = read(terminated({{"exitCode", 3}, {"reason", "Error"}}));
  CHECK(state.phase == Phase::failed);
  CHECK(state.exit_code == 3);
  CHECK(state.message == "exit code 3");
  CHECK(read(terminated({{"exitCode", 137}, {"reason", "Error"}})).message == "exit code 137 (signal 9)");
  CHECK(read(terminated({{"exitCode", 137}, {"reason", "OOMKilled"}})).message ==
        "killed because it used more memory than it may (OOMKilled); its limit is 64Mi");
  CHECK(read(terminated({{"exitCode", 128}, {"reason", "StartError"}, {"message", "no such file"}})).message ==
        "the container could not be started (StartError): no such file");
  CHECK(read({{"phase", "Failed"}, {"reason", "DeadlineExceeded"}}).message == "ended at its time limit of 60 s");
  CHECK(read({{"phase", "Failed"}, {"reason", "Evicted"}, {"message", "low on memory"}}).message == "evicted by its node: low on memory");
  CHECK(read({{"phase", "Failed"}, {"reason", "NodeLost"}}).message == "its node was lost");
  CHECK(read({{"phase", "Failed"}, {"reason", "OutOfcpu"}, {"message", "Pod was rejected"}}).message ==
        "refused by its node (OutOfcpu): Pod was rejected");
}

TEST_CASE("who takes a pod away decides how its run ended") {
  const json deleted = {{"deletionTimestamp", "2026-11-21T13:00:12Z"}, {"deletionGracePeriodSeconds", 5}};
  SECTION("somebody, while it ran") {
    for (const char* const phase : {"Failed", "Succeeded"}) {
      const auto state = read(terminated({{"exitCode", 143}, {"reason", "Error"}}, phase), deleted);
      CHECK(state.phase == Phase::stopped);
      CHECK(state.message == pod_deleted_words);
    }
  }
  SECTION("somebody, after it had ended") {
    const json later = {{"deletionTimestamp", "2026-11-21T13:00:30Z"}, {"deletionGracePeriodSeconds", 5}};
    CHECK(read(terminated({{"exitCode", 3}}), later).phase == Phase::failed);
    CHECK(read(terminated({{"exitCode", 0}}, "Succeeded"), later).phase == Phase::succeeded);
  }
  SECTION("the cluster") {
    CHECK(read(disrupted(terminated({{"exitCode", 137}}), "DeletionByTaintManager"), deleted).message ==
          "its node was lost or is not to run it any more (taint): told");
    CHECK(read(disrupted(terminated({{"exitCode", 137}}), "PreemptionByScheduler"), deleted).phase == Phase::failed);
    CHECK(read(disrupted({{"phase", "Running"}}, "EvictionByEvictionAPI"), deleted).message == "evicted, as when a node is drained: told");
  }
  SECTION("the node, out of resources, and the deletion came later") {
    auto status = terminated({{"exitCode", 137}});
    status["reason"] = "Evicted";
    CHECK(read(status, deleted).phase == Phase::failed);
  }
}

TEST_CASE("a pod that is gone") {
  auto gone = when_gone(read({{"phase", "Running"}}), 5);
  CHECK(gone.phase == Phase::stopped);
  CHECK(gone.message == pod_deleted_words);
  CHECK(gone.end_unix_ms == 5);
  gone = when_gone(read(disrupted({{"phase", "Running"}}, "DeletionByPodGC")), 5);
  CHECK(gone.phase == Phase::failed);
  CHECK(gone.message == "its node was lost: told");
  gone = when_gone(read(terminated({{"exitCode", 0}}, "Succeeded")), 5);
  CHECK(gone.phase == Phase::succeeded);
  CHECK(gone.end_unix_ms == 1795266010000);
}

TEST_CASE("why a deleted pod is there yet") {
  json pod = {{"metadata", {{"deletionGracePeriodSeconds", 5}}}};
  CHECK(still_there_words("p", pod) == "pod p is being deleted");
  pod["metadata"]["finalizers"] = {"a.example/x", 5, "b"};
  CHECK(still_there_words("p", pod) == "pod p is being deleted; finalizer a.example/x holds it; finalizer b holds it");
  pod["spec"]["nodeName"] = "n";
  const std::string node = "pod p is being deleted; node n has not confirmed its end (if that node is gone for good, delete the node)";
  CHECK(still_there_words("p", pod) == node + "; finalizer a.example/x holds it; finalizer b holds it");
  pod["metadata"]["deletionGracePeriodSeconds"] = 0;  // the node has
  CHECK(still_there_words("p", pod) == "pod p is being deleted; finalizer a.example/x holds it; finalizer b holds it");
  for (const json& spoilt : {json(), json(5), json{{"metadata", 5}}, json{{"metadata", {{"finalizers", "a"}}}, {"spec", 7}}}) {
    CHECK(still_there_words("p", spoilt) == "pod p is being deleted");
  }
}

TEST_CASE("objects that nobody should have made are borne") {
  CHECK_FALSE(read_pod(json::object()));
  CHECK_FALSE(read_pod({{"metadata", "x"}}));
  CHECK_FALSE(read_pod({{"metadata", {{"name", "x"}, {"labels", {{"krkn-job-id", 5}}}}}}));
  CHECK_FALSE(read_pod({{"metadata", {{"name", "intruder"}, {"labels", {{"krkn-job-id", "j"}}}}}}));
  CHECK_FALSE(read_pod({{"metadata", {{"name", "krkn-job-"}, {"labels", {{"krkn-job-id", ""}}}}}}));
  CHECK(read({{"phase", 5}, {"containerStatuses", "x"}, {"conditions", {1, "x", nullptr}}}).phase == Phase::pending);
  CHECK(read({{"phase", "Failed"}, {"containerStatuses", {{{"name", "scenario"}, {"state", 1}}}}}).message == "the pod failed");
}

/// Runs as objects: what a record becomes, what comes back of it, and what may replace what.
#include <catch2/catch.hpp>
#include <condition_variable>
#include <nlohmann/json.hpp>

#include "core/jobs/run_index.hpp"
#include "core/jobs/run_object.hpp"
#include "core/jobs/status_writer.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::jobs;
using nlohmann::json;

namespace {

constexpr const char* id = "0a1b2c3d-0000-4000-8000-000000000001";

JobRecord record() {
  JobRecord made;
  Job& job = made.job;
  job.id = id;
  job.target_id = "t-1";
  job.cluster_name = "east";
  job.scenario_name = "pod-kill";
  job.scenario_image = "quay.io/krkn/hub:pod";
  job.runner = "pods";
  job.provider = "krkn-operator";
  job.registry = "hub";
  job.user = "ann";
  job.digest = std::string(64, 'a');
  job.timeout_seconds = 60;
  return made;
}

PendingRequest request() {
  PendingRequest made;
  made.request.environment = {{"PLAIN", "x"}, {"PASSWORD", "canary"}};
  made.request.secret_variables = {"PASSWORD"};
  made.request.kubeconfig_path = "/home/krkn/.kube/config";
  made.request.files.push_back({"small", "/etc/small", "f0", 3, ""});
  made.blobs["f0"] = std::make_shared<const std::string>("abc");
  return made;
}

/// As an API server would give it back.
json stored(json run, const std::string& version = "7") {
  run["metadata"]["uid"] = "u-1";
  run["metadata"]["resourceVersion"] = version;
  run["metadata"]["generation"] = 1;
  run["metadata"]["creationTimestamp"] = "2026-01-02T03:04:05Z";
  return run;
}

RowPtr row(const std::string& name, const std::string& version, const std::string& uid = "u-1") {
  json run = stored(*new_run(record(), {}).run, version);
  run["metadata"]["name"] = name;
  run["metadata"]["uid"] = uid;
  return std::make_shared<const RunRow>(read_run(run));
}

}  // namespace

TEST_CASE("a record becomes a Run and comes back, without its secrets in it") {
  const NewRun made = new_run(record(), request());
  CHECK(made.run->dump().find("canary") == std::string::npos);
  CHECK((*made.run)["spec"]["environment"] == json{{"PLAIN", "x"}});
  CHECK((*made.run)["spec"]["secretEnvironment"]["PASSWORD"] == json{{"name", request_part_name(id, 0)}, {"key", "env.PASSWORD"}});
  CHECK((*made.run)["spec"]["files"][0]["content"] == "YWJj");
  REQUIRE(made.secrets.size() == 1);
  CHECK((*made.secrets[0])["data"]["env.PASSWORD"] == "Y2FuYXJ5");

  const RunRow back = read_run(stored(*made.run));
  const Job& job = back.record.job;
  CHECK(job.id == id);
  CHECK(back.accepted);
  CHECK_FALSE(back.applied);
  CHECK_FALSE(back.started());
  CHECK(back.held());
  CHECK(back.request_parts == 1);
  CHECK(job.user == "ann");
  CHECK(job.runner == "pods");
  CHECK(job.digest == std::string(64, 'a'));
  CHECK(job.timeout_seconds == 60);
  CHECK(job.created_unix_ms == 1767323045000);
}

TEST_CASE("what a spec cannot hold goes into Secrets, and what no Secret can hold is refused") {
  RunObjectLimits limits;
  limits.value_bytes_max = 4;
  limits.file_bytes_max = 4;
  limits.request_part_bytes_max = 10;
  PendingRequest big = request();
  big.request.environment = {{"A", "12345"}, {"B", "12345678"}};
  big.request.secret_variables.clear();
  const NewRun made = new_run(record(), big, limits);
  CHECK(made.secrets.size() == 2);
  CHECK((*made.run)["spec"]["secretEnvironment"]["B"]["name"] == request_part_name(id, 1));
  CHECK(read_run(stored(*made.run)).request_parts == 2);
  big.blobs["f0"] = std::make_shared<const std::string>("12345678901");
  CHECK_THROWS_WITH(new_run(record(), big, limits),
                    "files[0] has 11 bytes; the record of a run on a cluster holds at most 10 of one value (request_part_bytes_max)");
}

TEST_CASE("a Run that is not there yet is shown as it would be made, without a secret and without files' bytes") {
  auto pending = request();
  pending.request.files[0].sha256 = "ba78";
  pending.request.pull = kinds::job_runner::PullCredentials{"registry.example", "team/hub", "robot", "canary", "", false, false};
  const NewRun made = new_run(record(), pending);
  const auto shown = shown_run(made, owner_to_be(record()), pending);
  REQUIRE(shown.size() == 2);
  CHECK(shown.dump().find("canary") == std::string::npos);
  CHECK(shown.dump().find("Y2FuYXJ5") == std::string::npos);

  json run = *made.run;
  run["spec"]["files"][0]["content"] = "(3 bytes, sha256 ba78)";
  CHECK(shown[0] == run);
  const std::string name = std::string("krkn-job-") + id;
  CHECK(shown[1] ==
        json({{"apiVersion", "v1"},
              {"kind", "Secret"},
              {"type", "Opaque"},
              {"metadata",
               {{"name", name + "-request"},
                {"labels", {{"krkn-job-id", id}}},
                {"ownerReferences",
                 json::array({{{"apiVersion", "operon.dev/v1alpha1"}, {"kind", "Run"}, {"name", name}, {"uid", "(of the Run)"}}})}}},
              {"stringData", {{"env.PASSWORD", "***"}, {"password", "***"}, {"username", "***"}}}}));
}

TEST_CASE("a number of Secrets that cannot be is ignored, and said") {
  auto run = stored(*new_run(record(), {}).run);
  for (const char* text : {"x", "-1", "129", "4000000000", "99999999999999999999", "2 ", "0x2"}) {
    run["metadata"]["annotations"]["operon.dev/request-parts"] = text;
    const auto row = read_run(run);
    CHECK(row.request_parts == 0);
    CHECK_THAT(row.ignored, Catch::Contains(std::string("operon.dev/request-parts is '") + text));
  }
  run["metadata"]["annotations"]["operon.dev/request-parts"] = "128";
  CHECK(read_run(run).request_parts == 128);
  CHECK(read_run(run).ignored.empty());
}

TEST_CASE("a state that is written is read back") {
  json run = stored(*new_run(record(), {}).run);
  JobRecord ended = record();
  ended.job.phase = Phase::failed;
  ended.job.message = "exit code 3";
  ended.job.exit_code = 3;
  ended.job.start_unix_ms = 1767323046000;
  ended.job.end_unix_ms = 1767323047000;
  ended.handle = kinds::job_runner::Handle{1, "{}"};
  ended.timed_out = true;
  ended.cleanup = Cleanup::runner;
  const json patch = status_patch(ended, true, read_run(run), 1767323048000);
  CHECK(patch["metadata"]["resourceVersion"] == "7");
  run.merge_patch(patch);
  const RunRow back = read_run(run);
  CHECK(back.started());
  CHECK(back.conditions.ended_ms == 1767323048000);
  CHECK(back.record.job.phase == Phase::failed);
  CHECK(back.record.job.exit_code == 3);
  CHECK(back.record.job.start_unix_ms == 1767323046000);
  CHECK(back.record.job.stop_requested);
  CHECK(back.record.timed_out);
  CHECK(back.record.cleanup == Cleanup::runner);
  CHECK(back.record.handle->state == "{}");
}

TEST_CASE("an applied Run is accepted by its digest, and its id is the object's") {
  json run = stored(*new_run(record(), {}).run);
  run["spec"].erase("origin");
  run["metadata"]["name"] = "nightly";
  RunRow read = read_run(run);
  CHECK(read.applied);
  CHECK_FALSE(read.accepted);
  CHECK(read.record.job.id == "u-1");
  run["status"]["digest"] = std::string(64, 'b');
  CHECK(read_run(run).accepted);
}

TEST_CASE("a Run that makes no sense says where") {
  json run = stored(*new_run(record(), {}).run);
  run["spec"]["timeoutSeconds"] = "soon";
  CHECK_THROWS_WITH(read_run(run), Catch::Contains("timeoutSeconds"));
  run = stored(*new_run(record(), {}).run);
  run["status"]["startTime"] = "yesterday";
  CHECK_THROWS_WITH(read_run(run), Catch::Contains("startTime"));
  run["status"] = {{"phase", "Odd"}};
  CHECK_THROWS_AS(read_run(run), Error);
}

TEST_CASE("the index never goes back") {
  RunIndex index;
  CHECK(index.put(row("a", "7")));
  CHECK_FALSE(index.put(row("a", "6")));
  CHECK_FALSE(index.put(row("a", "7")));
  CHECK(index.put(row("a", "8")));
  CHECK(index.waiting() == 1);
  CHECK(index.remove("a", "u-other") == nullptr);
  CHECK(index.remove("a", "u-1") != nullptr);
  CHECK(index.waiting() == 0);
  CHECK_FALSE(index.put(row("a", "9")));  // the answer to a write, after the news of the deletion
  CHECK(index.find(id) == nullptr);
  CHECK(index.put(row("a", "10", "u-2")));
}

TEST_CASE("of one run only the newest state is written, one at a time") {
  std::mutex mutex;
  std::condition_variable wake;
  bool go = false;
  std::vector<std::string> written;
  {
    StatusWriter writer(2, 10, [&](const std::string&, const StatusWrite& write) {
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return go; });
      written.push_back(write.record ? write.record->job.message : "cleanup");
    });
    unsigned told = 0;
    const auto post = [&](const char* message) {
      JobRecord one = record();
      one.job.message = message;
      writer.post(id, {one, false, std::nullopt}, [&](const std::optional<Error>& error) {
        std::lock_guard lock(mutex);
        told += error ? 0 : 1;
        wake.notify_all();
      });
    };
    post("first");
    post("second");
    post("third");
    {
      std::lock_guard lock(mutex);
      go = true;
    }
    wake.notify_all();
    std::unique_lock lock(mutex);
    CHECK(wake.wait_for(lock, std::chrono::seconds(10), [&] { return told == 3; }));
  }
  REQUIRE_FALSE(written.empty());
  CHECK(written.size() <= 2);
  CHECK(written.back() == "third");
}

TEST_CASE("states beyond the limit are refused at once, and what was refused is told") {
  std::mutex mutex;
  std::unique_lock busy(mutex);
  StatusWriter writer(1, 1, [&](const std::string&, const StatusWrite&) { std::lock_guard wait(mutex); });
  writer.post("a", {record(), false, std::nullopt}, {});
  std::optional<Error> refused;
  writer.post("b", {record(), false, std::nullopt}, [&](const std::optional<Error>& error) { refused = error; });
  REQUIRE(refused);
  CHECK(refused->code() == Code::resource_exhausted);
  CHECK(std::string(refused->what()).find("writes_queued_max") != std::string::npos);
  busy.unlock();
}

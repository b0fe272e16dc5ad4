#include <algorithm>

#include "fixture.hpp"
#include "operon/run_folder/records.hpp"
#include "operon/run_folder/spec.hpp"

using namespace runner_process_test;
namespace run_folder = operon::run_folder;
namespace keys = operon::run_folder::spec;

namespace {

/// Ends when a file GO is there; undone, with a file, a kubeconfig, and every kind of variable.
StartRequest everything(const std::string& job) {
  auto r = request(job, {"sh", "-c", "until [ -e \"$GO\" ]; do sleep 0.01; done", "$(WORD)", "$(KEY)", "$(CANARY_OF_THE_HOST)"},
                   {{"env", {{"BOTH", "$(WORD) and $(KEY)"}}}, {"revert", {{"argv", {"echo", "undone $(WORD)"}}, {"always", true}}}});
  r.declared_variables = {"WORD", "KEY", "CONFIG", "GO"};
  r.environment = {{"WORD", "hello"}, {"KEY", "sesame-sesame"}, {"CONFIG", "/etc/app.yaml"}, {"GO", "/nowhere"}};
  r.secret_variables = {"KEY"};
  r.files = {{"app.yaml", "/etc/app.yaml", "b1", 5, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}};
  r.target.kubeconfig = "kind: Config\n";
  r.timeout_seconds = 60;
  return r;
}

/// As the host asks for a plan.
StartRequest masked(StartRequest r) {
  for (const auto& name : r.secret_variables) r.environment[name] = "***";
  r.target.kubeconfig = "***";
  return r;
}

json configuration() {
  return {{"passEnvironment", {"CANARY_OF_THE_HOST"}}, {"cgroup", "off"}, {"limits", {{"openFiles", 512}, {"fileBytes", 1 << 20}}}};
}

json planned(Runner& runner, const StartRequest& r) {
  const auto answer = runner.call("plan", masked(r));
  REQUIRE(answer.ok());
  const auto objects = json::parse(answer.as<Plan>().objects);
  REQUIRE(objects.size() == 1);
  return objects[0];
}

std::vector<std::string> recorded(const std::string& text, std::string_view key) {
  std::vector<std::string> values;
  run_folder::RecordReader reader(text);
  for (run_folder::Record record; reader.next(record);) {
    if (record.key == key) values.emplace_back(record.value);
  }
  return values;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) text.replace(at, from.size(), to);
  return text;
}

}  // namespace

TEST_CASE("a plan is one process with all that it would be given, and has no effect") {
  ::setenv("CANARY_OF_THE_HOST", "leaked", 1);
  ::setenv("LANG", "C.UTF-8", 1);
  ::unsetenv("TZ");
  Runner runner(configuration());
  const auto process = planned(runner, everything("a"));
  auto text = replaced(process.dump(), runner.run_folder("a").string(), "RUN");
  text = replaced(replaced(text, supervisor(), "BIN/operon-supervisor"), fs::path(supervisor()).parent_path().string() + ":", "BIN:");
  CHECK(json::parse(text) == json::parse(R"({
    "apiVersion": "runner-process/v1", "kind": "Process",
    "metadata": {"name": "krkn-job-a", "labels": {"krkn-job-id": "a"}},
    "spec": {
      "supervisor": ["BIN/operon-supervisor", "RUN"], "folder": "RUN", "workdir": "RUN/home",
      "argv": ["sh", "-c", "until [ -e \"$GO\" ]; do sleep 0.01; done", "hello", "***", "***"],
      "revert": {"argv": ["echo", "undone hello"], "always": true, "timeLimitSeconds": 60},
      "environment": {
        "PATH": "BIN:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "RUN/home", "TMPDIR": "RUN/tmp", "LANG": "C.UTF-8",
        "KUBECONFIG": "RUN/root/home/krkn/.kube/config", "OPERON_JOB_ID": "a", "OPERON_RUN": "a.***", "CANARY_OF_THE_HOST": "***",
        "WORD": "hello", "KEY": "***", "CONFIG": "RUN/root/etc/app.yaml", "GO": "/nowhere", "BOTH": "hello and ***"},
      "files": [
        {"path": "RUN/root/etc/app.yaml", "size": 5, "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
        {"path": "RUN/root/home/krkn/.kube/config", "content": "***"}],
      "limits": {"coreBytes": 0, "openFiles": 512, "fileBytes": 1048576},
      "timeLimitSeconds": 60, "graceSeconds": 5, "log": {"segmentBytes": 16777216, "bytesMax": 1073741824}}})"));
  CHECK(runner.call("inspect", RunRequest{"a", {}}).code == Code::not_found);
  CHECK_FALSE(fs::exists(runner.run_folder("a")));
  CHECK((!fs::exists(runner.state() + "/tmp") || fs::is_empty(runner.state() + "/tmp")));
}

TEST_CASE("what was planned is what the supervisor is told") {
  ::setenv("CANARY_OF_THE_HOST", "leaked", 1);
  Runner runner(configuration());
  auto r = everything("a");
  r.environment["GO"] = (runner.scratch() / "go").string();
  const auto spec = planned(runner, r).at("spec");
  operon::testing::Options options;
  options.blobs["b1"] = "hello";
  runner.start(r, options);
  const auto told = content(runner.run_folder("a") / "spec");
  std::ofstream(runner.scratch() / "go") << "now";

  const auto hidden = [&](std::string text) { return replaced(replaced(std::move(text), "sesame-sesame", "***"), "leaked", "***"); };
  const auto list = [&](std::string_view key) {
    json values = json::array();
    for (const auto& value : recorded(told, key)) values.push_back(hidden(value));
    return values;
  };
  CHECK(spec.at("argv") == list(keys::argument));
  CHECK(spec.at("revert").at("argv") == list(keys::revert_argument));
  CHECK(json::array({spec.at("workdir")}) == list(keys::workdir));
  json environment;
  for (const auto& entry : recorded(told, keys::environment)) {
    const auto at = entry.find('=');
    environment[entry.substr(0, at)] = hidden(entry.substr(at + 1));
  }
  CHECK(environment.at("OPERON_RUN").get<std::string>().size() == 34);
  environment["OPERON_RUN"] = "a.***";
  CHECK(spec.at("environment") == environment);
  json files = json::array();
  for (const auto& path : recorded(told, keys::secret_file)) files.push_back((runner.run_folder("a") / path).string());
  json shown = json::array();
  for (const auto& file : spec.at("files")) shown.push_back(file.at("path"));
  CHECK(shown == files);
  CHECK(recorded(told, keys::time_limit_ms) == std::vector<std::string>{"60000"});
  CHECK(recorded(told, keys::limit).size() == spec.at("limits").size());
  CHECK(runner.wait("a").phase == Phase::succeeded);
}

TEST_CASE("a plan refuses what a start refuses") {
  Runner runner;
  auto r = everything("a");
  r.environment["LD_PRELOAD"] = "x";
  const auto refused = runner.call("plan", masked(r));
  CHECK(refused.code == Code::failed_precondition);
  CHECK(refused.error->field() == "environment.LD_PRELOAD");
  CHECK(runner.call("plan", masked(everything("../a"))).code == Code::invalid_argument);
}

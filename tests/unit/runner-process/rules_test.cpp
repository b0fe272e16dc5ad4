#include "cgroup_place.hpp"
#include "configuration.hpp"
#include "fixture.hpp"
#include "mount_path.hpp"
#include "plan.hpp"
#include "run_status.hpp"
#include "variables.hpp"

using namespace runner_process_test;
using namespace operon::runner_process;

namespace {

/// The message with which `f` refuses; empty when it does not.
template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const operon::Error& e) {
    CHECK(e.code() == Code::failed_precondition);
    return e.what();
  }
  return "";
}

operon::runner_process::Plan plan_of(const StartRequest& r) {
  return make_plan(Configuration{}, r, "/state/runs/j", {});
}

}  // namespace

TEST_CASE("$(VARIABLE) is replaced once, as Kubernetes does it") {
  const operon::runner_process::Environment v = {{"A", "x"}, {"B", "$(A)"}, {"EMPTY", ""}, {"HOSTILE", "; rm -rf / `id` $(id) \n -x"}};
  CHECK(substitute("$(A)", v) == "x");
  CHECK(substitute("a$(A)b$(A)c", v) == "axbxc");
  CHECK(substitute("$(B)", v) == "$(A)");
  CHECK(substitute("$$(A)", v) == "$(A)");
  CHECK(substitute("$$$(A)", v) == "$x");
  CHECK(substitute("$$$$(A)", v) == "$$(A)");
  CHECK(substitute("$(UNKNOWN)", v) == "$(UNKNOWN)");
  CHECK(substitute("$(EMPTY)", v).empty());
  CHECK(substitute("$(A", v) == "$(A");
  CHECK(substitute("$A $ $", v) == "$A $ $");
  CHECK(substitute("$(HOSTILE)", v) == v.at("HOSTILE"));
}

TEST_CASE("variables that make a program run something else are refused by name") {
  for (const char* const name : {"LD_PRELOAD",
                                 "LD_LIBRARY_PATH",
                                 "LD_AUDIT",
                                 "GCONV_PATH",
                                 "BASH_ENV",
                                 "ENV",
                                 "IFS",
                                 "PYTHONSTARTUP",
                                 "PYTHONPATH",
                                 "NODE_OPTIONS",
                                 "PERL5OPT",
                                 "PERL5LIB",
                                 "RUBYOPT",
                                 "BASH_FUNC_x",
                                 "JAVA_TOOL_OPTIONS",
                                 "GLIBC_TUNABLES",
                                 "SHELLOPTS",
                                 "GIT_SSH_COMMAND",
                                 "OPENSSL_CONF",
                                 "PATH",
                                 "HOME",
                                 "TMPDIR",
                                 "OPERON_RUN"}) {
    auto r = request("j", {"true"});
    r.environment[name] = "/evil";
    r.declared_variables = {name};
    const auto message = refusal([&] { plan_of(r); });
    CAPTURE(name, message);
    CHECK(message.find(name) != message.npos);
    CHECK(message.find("evil") == message.npos);
  }
}

TEST_CASE("names and sizes of variables") {
  for (const char* const name : {"", "1A", "A B", "A=B", "-A", "Ä"})
    CHECK_FALSE(refusal([&] { check_variable_name(name, "environment"); }).empty());
  for (const char* const name : {"A", "_a", "a.b-c", "A1"}) CHECK(refusal([&] { check_variable_name(name, "environment"); }).empty());
  const std::string longest(variable_bytes_max - 3, 'x');
  CHECK(refusal([&] { check_variable_value("A", longest, "environment"); }).empty());
  CHECK(refusal([&] { check_variable_value("A", longest + "x", "environment"); }) ==
        "environment.A: has 131070 bytes; one variable holds at most 131069");
  CHECK_FALSE(refusal([&] { check_variable_value("A", std::string("a\0b", 3), "environment"); }).empty());
}

TEST_CASE("a variable that the scenario does not know is refused") {
  auto r = request("j", {"true"});
  r.declared_variables = {"DURATION", "WORKERS"};
  r.environment = {{"DURATON", "5"}};
  CHECK(refusal([&] { plan_of(r); }) == "scenario 'try' does not know the variable DURATON of environment; it knows DURATION, WORKERS");
  r.variables_known = false;
  CHECK(refusal([&] { plan_of(r); }).empty());
}

TEST_CASE("mount paths stay inside the run folder") {
  CHECK(inside("/etc//app/./a.yaml", "f") == "etc/app/a.yaml");
  CHECK(inside("/process/x", "f") == "process/x");
  for (const char* const path :
       {"", "relative", "../x", "/a/../../etc/passwd", "/..", "/", "/a/", "/proc/1/environ", "/proc", "//proc/x", "/./sys/x", "/sys/x",
        "/dev/sda", "/var/run/secrets/kubernetes.io/serviceaccount/token", "/run/secrets/kubernetes.io/serviceaccount/token"}) {
    CAPTURE(path);
    const auto message = refusal([&] { inside(path, "files[0].mountPath"); });
    CHECK(message.starts_with("files[0].mountPath: '"));
  }
  CHECK_FALSE(refusal([] { inside("/" + std::string(256, 'a'), "f"); }).empty());
  CHECK(refusal([] { check_distinct({"a", "b", "a-b", "ab"}); }).empty());
  CHECK(refusal([] { check_distinct({"a", "b", "a"}); }) == "mountPath '/a' is used twice");
  CHECK(refusal([] { check_distinct({"a", "a/b"}); }) == "mountPath '/a' is a file and, for '/a/b', a folder");
  CHECK_FALSE(refusal([] { check_distinct({"a", "a-b", "a/b"}); }).empty());
}

TEST_CASE("what runner-process cannot run is refused in words") {
  auto image = request("j", {"true"});
  image.scenario_image = "quay.io/krkn-chaos/krkn-hub:node-cpu-hog";
  CHECK(refusal([&] { plan_of(image); })
            .starts_with(
                "'quay.io/krkn-chaos/krkn-hub:node-cpu-hog' is a container image; runner-process runs directory scenarios (dir://NAME)"));
  auto empty = request("j", {"true"});
  empty.scenario_run = "";
  CHECK(refusal([&] { plan_of(empty); }).starts_with("scenario 'try' says nothing of what to run"));
  CHECK(refusal([&] { plan_of(request("j", {})); }) == "the `run` part of scenario 'try' is wrong: `argv`: must name a program");
  auto wrong = request("j", {"true"});
  wrong.scenario_run = R"({"argv":"sh -c true"})";
  CHECK(refusal([&] { plan_of(wrong); }) == "the `run` part of scenario 'try' is wrong: `argv`: must be an array, not string");
  CHECK(refusal([&] {
          plan_of(request("j", {"true"}, {{"needsKubeconfig", true}}));
        }) == "scenario 'try' needs a kubeconfig, and the target 'localhost' has none");
  CHECK_FALSE(refusal([&] { plan_of(request("j", {"true"}, {{"env", {{"LD_PRELOAD", "x"}}}})); }).empty());
  CHECK_FALSE(refusal([&] { plan_of(request("j", {"true"}, {{"workdir", "relative"}})); }).empty());
  auto late = request("j", {"true"});
  late.timeout_seconds = 604801;
  CHECK(refusal([&] { plan_of(late); }) == "timeoutSeconds: at most 604800 (timeLimitSecondsMax of the runner), not 604801");
}

TEST_CASE("the environment is built from scratch, the author's variables last") {
  auto r = request("j", {"prog", "$(URL)", "-n=$(N)", "$(N)"}, {{"env", {{"GREETING", "hi $(N)"}, {"SECOND", "$(GREETING)"}}}});
  r.declared_variables = {"N", "URL", "CONFIG"};
  r.environment = {{"N", "-rf"}, {"URL", "http://x/?a=1;b $(N)"}, {"CONFIG", "/etc/app.yaml"}};
  r.files = {{"app.yaml", "/etc/app.yaml", "b1", 3, ""}};
  r.target.kubeconfig = "apiVersion: v1\n";
  ::setenv("CANARY_OF_THE_HOST", "leaked", 1);
  const auto plan = plan_of(r);
  CHECK(plan.arguments == std::vector<std::string>{"prog", "http://x/?a=1;b $(N)", "-n=-rf", "-rf"});
  CHECK(plan.environment.at("GREETING") == "hi -rf");
  CHECK(plan.environment.at("SECOND") == "$(GREETING)");
  CHECK(plan.environment.at("CONFIG") == "/state/runs/j/root/etc/app.yaml");
  CHECK(plan.environment.at("KUBECONFIG") == "/state/runs/j/root/home/krkn/.kube/config");
  CHECK(plan.environment.at("HOME") == "/state/runs/j/home");
  CHECK_FALSE(plan.environment.contains("CANARY_OF_THE_HOST"));
  CHECK(plan.workdir == "/state/runs/j/home");
  CHECK(refusal([] {
          plan_of(request("j", {"prog"}, {{"env", {{"OPERON_RUN", "x"}}}}));
        }) == "run.env.OPERON_RUN: is set by the runner itself");
}

TEST_CASE("cgroup v2 is found through the mounts") {
  const std::string unified = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
  CHECK(cgroup_folder("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" + unified, "/") == "/sys/fs/cgroup/unified");
  CHECK(cgroup_folder(unified, "/a/b") == "/sys/fs/cgroup/unified/a/b");
  CHECK(cgroup_folder("1 2 0:3 /docker/x /sys/fs/cg\\040roup rw shared:5 - cgroup2 c rw\n", "/docker/x/y") == "/sys/fs/cg roup/y");
  CHECK(cgroup_folder("1 2 0:3 /docker/x /c rw - cgroup2 c rw\n", "/other").empty());
  CHECK(cgroup_folder("1 2 0:3 / /c rw - tmpfs t rw\n", "/").empty());
}

TEST_CASE("the end of a run in words") {
  RunStatus s;
  s.state = "ended";
  s.cause = "exited";
  s.exit_code = 0;
  const auto words = [&] { return to_state("j", s).message; };
  CHECK(to_state("j", s).phase == Phase::succeeded);
  CHECK(words().empty());
  s.exit_code = 3;
  CHECK(words() == "exit code 3");
  CHECK(to_state("j", s).phase == Phase::failed);
  s.revert = "done";
  CHECK(words() == "exit code 3; undone");
  s.revert = "failed";
  CHECK(words() == "exit code 3; undoing it FAILED, see the end of the log");
  s.revert = "";
  s.exit_code.reset();
  s.signal = 9;
  CHECK(words() == "killed by signal 9 (SIGKILL)");
  CHECK(to_state("j", s).exit_code == 137);
  s.out_of_memory = true;
  CHECK(words() == "killed for want of memory");
  s.cause = "time-limit";
  s.time_limit_ms = 60000;
  CHECK(words() == "time limit of 60 s reached");
  CHECK(to_state("j", s).phase == Phase::failed);
  s.cause = "stop";
  CHECK(to_state("j", s).phase == Phase::stopped);
  s.cause = "supervisor-lost";
  CHECK(words() == "the run's supervisor was killed, and the run with it");
}

TEST_CASE("a job id never leaves the folder of runs") {
  Runner runner;
  for (const char* const job : {"", "..", "a/b", "/etc", "a b", "."}) {
    CHECK(runner.call("inspect", RunRequest{job, {}}).code == Code::invalid_argument);
    CHECK(runner.call("destroy", RunRequest{job, {}}).code == Code::invalid_argument);
  }
}

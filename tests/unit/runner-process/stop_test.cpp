#include "fixture.hpp"

using namespace runner_process_test;

TEST_CASE("stop ends everything that the run started, new sessions too") {
  Runner runner;
  const auto escapee = runner.scratch() / "escapee", daemon = runner.scratch() / "daemon";
  runner.start(shell("a", "setsid sh -c 'trap \"\" TERM; echo $$ > " + escapee.string() + "; sleep 300' & (setsid sh -c 'echo $$ > " +
                              daemon.string() + "; exec sleep 300' &); sleep 300"));
  const pid_t first = pid_in(escapee), second = pid_in(daemon);
  const auto state = runner.stop("a", 1);
  CHECK(state.phase == Phase::stopped);
  CHECK(state.message == "stopped on request");
  CHECK_FALSE(alive(first));
  CHECK_FALSE(alive(second));
  CHECK(runner.stop("a").phase == Phase::stopped);
}

TEST_CASE("stop reaches a run whose supervisor was halted") {
  Runner runner;
  const auto parent = runner.scratch() / "parent";
  runner.start(shell("a", "echo $PPID > " + parent.string() + "; sleep 300", {{"revert", {{"argv", {"echo", "undone"}}}}}));
  const pid_t halted = pid_in(parent);
  REQUIRE(::kill(halted, SIGSTOP) == 0);
  const auto is_halted = [&] { return content("/proc/" + std::to_string(halted) + "/stat").find(") T ") != std::string::npos; };
  REQUIRE(eventually(is_halted));
  CHECK(runner.stop("a", 1).message == "stopped on request; undone");
  ::kill(halted, SIGCONT);
}

TEST_CASE("TERM comes first, and the run may use its grace") {
  Runner runner;
  runner.start(shell("a", "trap 'echo cleaning; exit 0' TERM; echo ready; while :; do sleep 0.05; done"));
  REQUIRE(eventually([&] { return runner.log("a") == "ready\n"; }));
  const auto state = runner.stop("a", 30);
  CHECK(state.phase == Phase::stopped);
  CHECK(state.exit_code == 0);
  CHECK(runner.log("a").ends_with("cleaning\n"));  // what the shell had started got its TERM too
}

TEST_CASE("a second stop can shorten the grace") {
  Runner runner;
  runner.start(shell("a", "trap '' TERM; echo ready; while :; do sleep 0.05; done"));
  REQUIRE(eventually([&] { return runner.log("a") == "ready\n"; }));
  const auto slow = runner.host().start(id, "stop", StopRequest{"a", {}, 3000});
  CHECK(runner.stop("a", 0).phase == Phase::stopped);
  CHECK(slow.wait().as<RunState>().phase == Phase::stopped);
}

TEST_CASE("what undoes a run is run after a stop, and not after success") {
  Runner runner;
  const json undo = {{"revert", {{"argv", {"sh", "-c", "echo undone $OPERON_JOB_ID"}}}}};
  runner.start(shell("a", "echo done; exec sleep 300", undo));
  REQUIRE(eventually([&] { return runner.log("a") == "done\n"; }));
  const auto state = runner.stop("a", 1);
  CHECK(state.message == "stopped on request; undone");
  CHECK(runner.log("a") == "done\nundone a\n");
  runner.run(shell("b", "echo done", undo));
  CHECK(runner.log("b") == "done\n");
  CHECK(runner.run(shell("c", "exit 3", undo)).message == "exit code 3; undone");
  const json broken = {{"revert", {{"argv", {"false"}}}}};
  CHECK(runner.run(shell("d", "kill -9 $$", broken)).message == "killed by signal 9 (SIGKILL); undoing it FAILED, see the end of the log");
  const json always = {{"revert", {{"argv", {"echo", "undone"}}, {"always", true}}}};
  runner.run(shell("e", "true", always));
  CHECK(runner.log("e") == "undone\n");
}

TEST_CASE("what had to be killed is undone as well") {
  Runner runner;
  runner.start(shell("a", "trap '' TERM; echo ready; while :; do sleep 0.05; done", {{"revert", {{"argv", {"echo", "undone"}}}}}));
  REQUIRE(eventually([&] { return runner.log("a") == "ready\n"; }));
  CHECK(runner.stop("a", 0).message == "stopped on request; undone");
  CHECK(runner.log("a").ends_with("undone\n"));
}

TEST_CASE("undoing has a limit of its own, and its leftovers are killed") {
  Runner runner(json{{"revertSecondsMax", 1}, {"graceSeconds", 0}});
  CHECK(runner.run(shell("a", "exit 1", {{"revert", {{"argv", {"sleep", "300"}}}}})).message ==
        "exit code 1; undoing it took too long and was ended");
}

TEST_CASE("the time limit ends a run and undoes it") {
  Runner runner(json{{"graceSeconds", 0}});
  auto r = shell("a", "trap '' TERM; sleep 300", {{"revert", {{"argv", {"echo", "undone"}}}}});
  r.timeout_seconds = 1;
  const auto state = runner.run(r);
  CHECK(state.phase == Phase::failed);
  CHECK(state.message == "time limit of 1 s reached; undone");
  CHECK(runner.log("a").ends_with("undone\n"));  // before it, perhaps, the shell's word on what was killed
}

TEST_CASE("what the first process left in the background ends with it") {
  Runner runner;
  const auto left = runner.scratch() / "left";
  const auto state =
      runner.run(shell("a", "(setsid sh -c 'echo $$ > " + left.string() + "; trap \"\" TERM HUP; sleep 300' &); while [ ! -s " +
                                left.string() + " ]; do sleep 0.01; done"));
  CHECK(state.phase == Phase::succeeded);
  CHECK_FALSE(alive(pid_in(left)));
}

TEST_CASE("whoever waits for the end of a run that never came to start is answered") {
  Runner runner;
  const auto program = runner.scratch() / "supervisor", go = runner.scratch() / "go";
  std::ofstream(program) << "#!/bin/sh\nwhile [ ! -e " + go.string() + " ]; do sleep 0.01; done\n";  // holds the lock, and dies
  fs::permissions(program, fs::perms::owner_all);
  runner.restart({{"supervisor", program.string()}});
  const auto starting = runner.host().start(id, "start", shell("a", "true"));
  REQUIRE(eventually([&] { return fs::exists(runner.run_folder("a")); }));
  const auto stopping = runner.host().start(id, "stop", StopRequest{"a", {}, 1});
  REQUIRE(eventually([&] { return fs::exists(runner.run_folder("a") / "stop"); }));
  std::ofstream(go) << "go";
  CHECK(starting.wait().code == Code::unavailable);
  CHECK(stopping.wait().as<RunState>().phase == Phase::stopped);
}

TEST_CASE("stop of a job that never was is NOT_FOUND") {
  Runner runner;
  const auto result = runner.call("stop", StopRequest{"nobody", {}, 5});
  CHECK(result.code == Code::not_found);
  CHECK(std::string(result.error->what()) == "no run of job 'nobody' is known to this runner");
}

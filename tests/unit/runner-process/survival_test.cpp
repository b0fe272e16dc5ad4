#include <fcntl.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "fixture.hpp"

using namespace runner_process_test;

namespace {

/// A host that started one run and is then killed with its whole process group.
void start_and_kill_host(const std::string& state, const StartRequest& request, const std::function<void()>& before_kill) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const auto program = fs::read_symlink("/proc/self/exe").parent_path() / "runner_process_stand_in_host";
  std::string text = json(request).dump(), folder = state, name = program.string();
  char* argv[] = {name.data(), folder.data(), text.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = 0;
  REQUIRE(::posix_spawn(&pid, name.c_str(), &actions, &attributes, argv, environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  ::close(ends[1]);
  char word = 0;
  CHECK(::read(ends[0], &word, 1) == 1);
  ::close(ends[0]);
  CHECK(word == '1');
  before_kill();
  ::kill(-pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

}  // namespace

TEST_CASE("kill -9 of the host and its group in mid-run loses nothing") {
  Runner runner;
  const auto go = runner.scratch() / "go";
  const auto r = shell("a", "echo before; while [ ! -e " + go.string() + " ]; do sleep 0.01; done; echo after; exit 42");
  start_and_kill_host(runner.state(), r, [&] { REQUIRE(eventually([&] { return runner.log("a") == "before\n"; })); });
  runner.restart();
  const auto recovered = runner.call("recover", RunRequest{"a", {}}).as<RunState>();
  CHECK(recovered.phase == Phase::running);
  CHECK(runner.start(r).phase == Phase::running);
  const auto follow = runner.host().start(id, "logs", LogsRequest{"a", {}, 7, true});
  std::ofstream(go) << "go";
  CHECK(follow.wait().as<LogsAnswer>().end_offset == 13);
  CHECK(runner.host().wait_for_notification({"job", "a"}));
  const auto ended = runner.wait("a");
  CHECK(ended.exit_code == 42);
  CHECK(ended.message == "exit code 42");
  CHECK(runner.logs("a", false, 7).bytes() == "after\n");
  CHECK(*ended.start_unix_ms == *recovered.start_unix_ms);
}

TEST_CASE("a run that ended while no host was there is found ended, and stop works after a restart") {
  Runner runner;
  start_and_kill_host(runner.state(), shell("a", "exit 5"), [] {});
  start_and_kill_host(runner.state(), shell("b", "sleep 300"), [] {});
  runner.restart();
  CHECK(runner.wait("a").exit_code == 5);
  CHECK(runner.stop("b", 1).phase == Phase::stopped);
}

TEST_CASE("undoing and the time limit do not need a host") {
  Runner runner;
  const auto undone = runner.scratch() / "undone";
  auto r = shell("a", "sleep 300", {{"revert", {{"argv", {"touch", undone.string()}}}}});
  r.timeout_seconds = 1;
  start_and_kill_host(runner.state(), r, [] {});
  CHECK(eventually([&] { return fs::exists(undone); }));
}

TEST_CASE("a supervisor that is killed takes its run with it, and the run is undone and told") {
  Runner runner;
  const auto pids = runner.scratch() / "pid", daemon = runner.scratch() / "daemon";
  runner.start(shell(
      "a", "echo $$ > " + pids.string() + "; (setsid sh -c 'echo $$ > " + daemon.string() + "; sleep 300' &); echo on; exec sleep 300",
      {{"revert", {{"argv", {"echo", "undone"}}}}}));
  const pid_t first = pid_in(pids), second = pid_in(daemon);
  REQUIRE(eventually([&] { return runner.log("a") == "on\n"; }));
  const auto follow = runner.host().start(id, "logs", LogsRequest{"a", {}, 0, true});
  REQUIRE(::kill(status_number(runner.run_folder("a"), "supervisor-pid"), SIGKILL) == 0);
  CHECK(follow.wait().ok());
  const auto state = runner.wait("a");
  CHECK(state.phase == Phase::failed);
  CHECK(state.message == "the run's supervisor was killed, and the run with it; undone");
  CHECK(runner.log("a") == "on\nundone\n");
  CHECK_FALSE(alive(first));
  CHECK_FALSE(alive(second));
}

TEST_CASE("a supervisor that died while no host was there is made up for at the next start") {
  Runner runner;
  const auto undone = runner.scratch() / "undone";
  start_and_kill_host(runner.state(), shell("a", "sleep 300", {{"revert", {{"argv", {"touch", undone.string()}}}}}), [] {});
  runner.host().stop();
  REQUIRE(::kill(status_number(runner.run_folder("a"), "supervisor-pid"), SIGKILL) == 0);
  runner.restart();
  CHECK(eventually([&] { return fs::exists(undone); }));
  CHECK(runner.wait("a").phase == Phase::failed);
}

TEST_CASE("a status that a power cut tore does not keep the run from its end") {
  Runner runner;
  const auto undone = runner.scratch() / "undone";
  start_and_kill_host(runner.state(), shell("a", "sleep 300", {{"revert", {{"argv", {"touch", undone.string()}}}}}), [] {});
  runner.host().stop();
  REQUIRE(::kill(status_number(runner.run_folder("a"), "supervisor-pid"), SIGKILL) == 0);
  std::ofstream(runner.run_folder("a") / "status", std::ios::trunc).close();
  runner.restart();
  CHECK(eventually([&] { return fs::exists(undone); }));
  CHECK(runner.wait("a").phase == Phase::failed);
}

TEST_CASE("a supervisor that is asked to end (SIGTERM) stops and undoes the run") {
  Runner runner;
  runner.start(shell("a", "exec sleep 300", {{"revert", {{"argv", {"echo", "undone"}}}}}));
  REQUIRE(::kill(status_number(runner.run_folder("a"), "supervisor-pid"), SIGTERM) == 0);
  const auto state = runner.wait("a");
  CHECK(state.phase == Phase::stopped);
  CHECK(runner.log("a") == "undone\n");
}

TEST_CASE("a folder that was prepared and never started counts for nothing") {
  Runner runner;
  // What a host leaves that dies between publishing the folder and starting the supervisor.
  const auto folder = runner.run_folder("a");
  fs::create_directories(folder);
  std::ofstream(folder / "lock");
  std::ofstream(folder / "spec") << "version 1\n1\n";
  CHECK(runner.call("recover", RunRequest{"a", {}}).code == Code::not_found);
  CHECK_FALSE(fs::exists(folder));
  CHECK(runner.run(shell("a", "true")).phase == Phase::succeeded);
}

TEST_CASE("as long as the folder's lock is held the run counts as pending, whoever holds it") {
  Runner runner;
  const auto folder = runner.run_folder("a");
  fs::create_directories(folder);
  const int lock = ::open((folder / "lock").c_str(), O_RDWR | O_CREAT, 0600);
  REQUIRE(::flock(lock, LOCK_EX | LOCK_NB) == 0);
  CHECK(runner.inspect("a").phase == Phase::pending);
  ::close(lock);
  CHECK(eventually([&] { return runner.call("inspect", RunRequest{"a", {}}).code == Code::not_found; }));
}

TEST_CASE("no supervisor program: refused in words") {
  Runner runner;
  CHECK_THROWS_WITH(runner.restart({{"supervisor", "/nowhere/operon-supervisor"}}),
                    "supervisor: '/nowhere/operon-supervisor' is not a program that can be run");
}

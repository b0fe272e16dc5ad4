#include <sys/stat.h>

#include "fixture.hpp"

using namespace runner_process_test;

TEST_CASE("a run from start to end") {
  Runner runner;
  const auto started = runner.start(shell("a", "echo out; echo err >&2; echo out again; sleep 0.2"));
  CHECK(started.phase == Phase::running);
  CHECK(started.start_unix_ms.has_value());
  REQUIRE(runner.host().wait_for_notification({"job", "a"}));
  const auto ended = runner.wait("a");
  CHECK(ended.phase == Phase::succeeded);
  CHECK(ended.exit_code == 0);
  CHECK(ended.message.empty());
  CHECK(*ended.end_unix_ms >= *ended.start_unix_ms);
  CHECK(runner.log("a") == "out\nerr\nout again\n");
  CHECK(runner.host().breaches().empty());
}

TEST_CASE("exit codes and signals are told as they are") {
  Runner runner;
  const auto failed = runner.run(shell("a", "exit 7"));
  CHECK(failed.phase == Phase::failed);
  CHECK(failed.exit_code == 7);
  CHECK(failed.message == "exit code 7");
  const auto killed = runner.run(shell("b", "kill -SEGV $$"));
  CHECK(killed.exit_code == 139);
  CHECK(killed.message == "killed by signal 11 (SIGSEGV)");
}

TEST_CASE("a program that cannot be started ends the run with a reason") {
  Runner runner;
  CHECK(runner.start(request("a", {"no-such-program"})).message ==
        "program 'no-such-program' not found in PATH; install it, or correct `argv` in the scenario's `run` part");
  CHECK(runner.inspect("a").phase == Phase::failed);
  CHECK(runner.start(request("b", {"/etc/passwd"})).message == "program '/etc/passwd' could not be started: Permission denied");
  CHECK(runner.start(request("c", {"true"}, {{"workdir", "/nowhere"}})).message ==
        "the working directory '/nowhere' could not be entered: No such file or directory");
  runner.restart({{"path", "/nowhere"}});
  CHECK(runner.start(request("d", {"stress-ng"})).message == "program 'stress-ng' not found in PATH; install the package 'stress-ng'");
}

TEST_CASE("a second start of a job starts nothing") {
  Runner runner;
  const auto count = runner.scratch() / "count";
  const auto r = shell("a", "echo x >> " + count.string() + "; sleep 30");
  std::vector<std::thread> starters;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    starters.emplace_back([&] {
      if (runner.call("start", r).ok()) ++good;
    });
  }
  for (auto& starter : starters) starter.join();
  CHECK(good == 8);
  REQUIRE(eventually([&] { return !content(count).empty(); }));
  runner.stop("a", 0);
  runner.start(r);
  CHECK(runner.inspect("a").phase == Phase::stopped);
  CHECK(content(count) == "x\n");
}

TEST_CASE("validate refuses what start refuses, and has no effect") {
  Runner runner;
  auto r = shell("a", "true");
  r.environment["LD_PRELOAD"] = "x";
  CHECK(runner.call("validate", r).code == Code::failed_precondition);
  CHECK(runner.call("start", r).code == Code::failed_precondition);
  CHECK(runner.call("start", r).error->field() == "environment.LD_PRELOAD");
  r.environment.clear();
  CHECK(runner.call("validate", r).ok());
  CHECK(runner.call("inspect", RunRequest{"a", {}}).code == Code::not_found);
  CHECK_FALSE(fs::exists(runner.run_folder("a")));
}

TEST_CASE("hostile values are data, and nothing else of the host is seen") {
  Runner runner;
  ::setenv("CANARY_OF_THE_HOST", "leaked", 1);
  auto r = request("a", {"sh", "-c", "printf '%s|' \"$@\"; env", "name", "$(X)", "$(Y)", "$(Z)"});
  r.declared_variables = {"X", "Y", "Z"};
  r.environment = {{"X", "$(Y); touch /tmp/x `id` $HOME"}, {"Y", "-rf"}, {"Z", "two\nlines \u00e4"}};
  CHECK(runner.run(r).phase == Phase::succeeded);
  const auto log = runner.log("a");
  CHECK(log.starts_with("$(Y); touch /tmp/x `id` $HOME|-rf|two\nlines \u00e4|"));
  CHECK(log.find("CANARY_OF_THE_HOST") == log.npos);
  CHECK(log.find("HOME=" + runner.run_folder("a").string() + "/home\n") != log.npos);
}

TEST_CASE("files lie at their mount paths inside the private folder, and go with the run") {
  Runner runner;
  auto r = request("a", {"sh", "-c", "cat \"$CONFIG\" \"$KUBECONFIG\"; stat -c %a \"$KUBECONFIG\"; pwd; ls -d \"$TMPDIR\""});
  r.declared_variables = {"CONFIG"};
  r.environment = {{"CONFIG", "/etc/app/app.bin"}};
  const std::string bytes("\0\1\2\xff file\n", 10);
  r.files = {{"app.bin", "/etc/app/app.bin", "blob-1", bytes.size(), ""}};
  r.target.kubeconfig = "kind: Config\n";
  operon::testing::Options options;
  options.blobs["blob-1"] = bytes;
  CHECK(runner.run(r, options).phase == Phase::succeeded);
  const auto folder = runner.run_folder("a");
  CHECK(runner.log("a") == bytes + "kind: Config\n600\n" + folder.string() + "/home\n" + folder.string() + "/tmp\n");
  CHECK_FALSE(fs::exists(folder / "root/home/krkn/.kube/config"));
  CHECK_FALSE(fs::exists(folder / "root/etc/app/app.bin"));
  CHECK_FALSE(fs::exists(folder / "spec"));
  struct stat info;
  REQUIRE(::stat(folder.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
}

TEST_CASE("a file shorter than announced leaves nothing behind") {
  Runner runner;
  auto r = shell("a", "true");
  r.files = {{"x", "/x", "blob-1", 5, ""}};
  operon::testing::Options options;
  options.blobs["blob-1"] = "abc";
  CHECK(runner.call("start", r, options).code == Code::data_loss);
  CHECK(runner.call("inspect", RunRequest{"a", {}}).code == Code::not_found);
  CHECK(fs::is_empty(fs::path(runner.state()) / "tmp"));
}

TEST_CASE("a file that is not the one announced starts nothing") {
  Runner runner;
  auto r = shell("a", "true");
  operon::testing::Options options;
  options.blobs["blob-1"] = "abc";
  r.files = {{"x", "/x", "blob-1", 3, std::string(64, '0')}};
  CHECK(runner.call("start", r, options).code == Code::data_loss);
  CHECK(runner.call("inspect", RunRequest{"a", {}}).code == Code::not_found);
  r.files[0].sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  CHECK(runner.run(r, options).phase == Phase::succeeded);
}

TEST_CASE("a link that a run puts in the way of its files does not lead their removal astray") {
  Runner runner;
  const auto elsewhere = runner.scratch() / "elsewhere";
  fs::create_directory(elsewhere);
  std::ofstream(elsewhere / "x") << "precious";
  auto r = shell("a", "cd ../root && mv etc was && ln -s " + elsewhere.string() + " etc");
  r.files = {{"x", "/etc/x", "blob-1", 3, ""}};
  operon::testing::Options options;
  options.blobs["blob-1"] = "abc";
  CHECK(runner.run(r, options).phase == Phase::succeeded);
  CHECK(content(elsewhere / "x") == "precious");
}

TEST_CASE("limits hold for the run") {
  Runner runner(json{{"limits", {{"openFiles", 77}, {"fileBytes", 4096}}}});
  CHECK(runner.run(shell("a", "ulimit -n; ulimit -c; grep NoNewPrivs /proc/self/status")).phase == Phase::succeeded);
  CHECK(runner.log("a") == "77\n0\nNoNewPrivs:\t1\n");
}

TEST_CASE("destroy removes an ended run, and only such a one") {
  Runner runner;
  runner.start(shell("a", "mkdir -p $TMPDIR/x/y; chmod 0 $TMPDIR/x; sleep 30"));
  CHECK(runner.call("destroy", RunRequest{"a", {}}).code == Code::failed_precondition);
  runner.stop("a", 0);
  CHECK(runner.call("destroy", RunRequest{"a", {}}).ok());
  CHECK_FALSE(fs::exists(runner.run_folder("a")));
  CHECK(fs::is_empty(fs::path(runner.state()) / "tmp"));
  CHECK(runner.call("destroy", RunRequest{"a", {}}).code == Code::not_found);
  CHECK(runner.call("list", json::object()).items().empty());
}

TEST_CASE("a supervisor has less than 1 MB of memory of its own") {
  Runner runner;
  runner.start(shell("a", "head -c 1000000 /dev/zero; sleep 30"));
  runner.start(shell("b", "sleep 30"));
  REQUIRE(eventually([&] { return runner.log("a").size() == 1000000; }));
  const auto pid = status_number(runner.run_folder("a"), "supervisor-pid");
  std::istringstream lines(content("/proc/" + std::to_string(pid) + "/smaps_rollup"));
  long kib = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Private_")) kib += std::stol(line.substr(line.find(':') + 1));
  }
  WARN("private memory of a supervisor: " << kib << " KiB");
#if !defined(OPERON_SANITIZED)  // a sanitizer's own memory is not the supervisor's
  CHECK(kib > 0);
  CHECK(kib < 1024);
#endif
}

#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "core/jobs/crash_points.hpp"
#include "table_fixture.hpp"

using namespace operon::jobs;
using namespace operon::jobs::testing;

namespace {

/// A run from start to end, then one that is stopped, in a process that dies on its way. True: it died at the point.
bool dies_at(const std::filesystem::path& folder, CrashPoint point, bool stop) {
  const pid_t child = ::fork();
  if (child == 0) {
    detail::armed_crash_point.store(point);
    Host host(folder);
    host.table->start(command("job"));
    host.runner->write("job", "line 1\nline 2\n");
    if (stop) {
      host.table->stop("job");
    } else {
      host.runner->set("job", Phase::succeeded, 0);
      host.notify("job");
      eventually([&] { return host.phase("job") == Phase::succeeded; });
      host.table->stop("job");  // of an ended run: removes it from its runner
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (std::chrono::steady_clock::now() < deadline) ::usleep(1000);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

}  // namespace

TEST_CASE("killed at any step, a run starts once and comes to its true end") {
  for (const bool stop : {false, true}) {
    for (size_t i = 0; i < crash_point_names.size(); ++i) {
      const auto point = static_cast<CrashPoint>(i + 1);
      INFO(crash_point_names[i] << (stop ? ", stopped" : ", ended by itself"));
      if (!stop && (point == CrashPoint::stop_latched || point == CrashPoint::stop_after_runner)) continue;
      TemporaryFolder folder;
      CHECK(dies_at(folder.path, point, stop));
      Host host(folder.path);
      if (point == CrashPoint::start_before_record) {
        CHECK_FALSE(host.table->get("job"));
        CHECK(host.runner->starts() == 0);
        continue;
      }
      REQUIRE(host.table->get("job"));
      CHECK(eventually([&] { return host.runner->run("job").starts == 1 && host.phase("job") != Phase::pending; }));
      CHECK(host.runner->starts() == 1);
      const bool before_end = point <= CrashPoint::start_after_started_recorded;
      if (before_end && host.runner->run("job").phase ==
                            Phase::running) {  // the last of these points is passed on another thread: the run may have ended
        CHECK(host.phase("job") == Phase::running);
        host.runner->set("job", Phase::succeeded, 0);
        host.notify("job");
      }
      if (!before_end) CHECK(eventually([&] { return host.phase("job") == (stop ? Phase::stopped : Phase::succeeded); }));
      REQUIRE(eventually([&] { return host.phase("job") == host.runner->run("job").phase && host.phase("job") != Phase::running; }));
      REQUIRE(eventually([&] { return std::filesystem::exists(folder.path / "logs" / "job.log.zst"); }));
      if (before_end) continue;
      CHECK(host.hub->tail("job", 100) == "line 1\nline 2\n");
      if (stop) CHECK(eventually([&] { return host.runner->run("job").destroyed; }));
    }
  }
}

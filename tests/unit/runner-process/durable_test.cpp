#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "fixture.hpp"
#include "prepared_run.hpp"

using namespace runner_process_test;
using namespace operon::runner_process;

namespace {
std::vector<std::string> synced;
}

/// In place of the C library's: notes what is waited for.
extern "C" int fsync(int fd) {
  char path[4096];
  const auto size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  synced.emplace_back(path, size > 0 ? static_cast<size_t>(size) : 0);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

static void prepare(const fs::path& state, const operon::runner_process::Plan& plan) {
  Configuration configuration;
  configuration.state_dir = state;
  synced.clear();
  PreparedRun run(configuration, {}, plan, "j", [](const std::string&, uint64_t, char*, size_t) { return size_t{0}; });
  REQUIRE(run.publish(configuration.runs_dir() / "j"));
}

static bool was_synced(const std::string& name) {
  return std::any_of(synced.begin(), synced.end(), [&](const std::string& path) { return fs::path(path).filename() == name; });
}

TEST_CASE("a run that is to be undone is on the disk before it starts; one that is not waits for no disk") {
  const TempFolder folder;
  operon::runner_process::Plan plan;
  plan.arguments = {"true"};
  plan.files = {{"etc/x", {}, "abc", 3, {}}};
  prepare(folder.path() / "without", plan);
  CHECK(synced.empty());
  plan.revert_arguments = {"true"};
  prepare(folder.path() / "with", plan);
  for (const char* const name : {"x", "etc", "root", "spec", "runs"}) {
    INFO(name);
    CHECK(was_synced(name));
  }
}

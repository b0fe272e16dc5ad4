#include "sidecar/supervisor/log_writer.hpp"

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "operon/run_folder/layout.hpp"
#include "sidecar/supervisor/files.hpp"

using namespace operon;
namespace fs = std::filesystem;

namespace {

/// The log writer works in the working directory, as its program does.
struct WorkingFolder {
  WorkingFolder() : before(fs::current_path()) {
    auto name = (fs::temp_directory_path() / "operon-log-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    fs::current_path(name);
  }
  ~WorkingFolder() {
    const auto here = fs::current_path();
    fs::current_path(before);
    fs::remove_all(here);
  }
  fs::path before;
};

std::string segment(uint64_t offset) {
  char name[32];
  run_folder::segment_name(name, run_folder::segment_prefix, offset);
  return name;
}

int64_t set_back_seconds = 0;  ///< how far the wall clock was set back

/// Appends until everything is stored again; false when that takes too long.
bool stores_again(supervisor::LogWriter& log) {
  const auto until = supervisor::steady_ms() + 5000;
  for (uint64_t lost = log.lost(); supervisor::steady_ms() < until; lost = log.lost()) {
    log.append("x");
    if (log.lost() == lost) return true;
  }
  return false;
}

}  // namespace

/// In place of the C library's: the test's wall clock can be set back.
extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
  if (clock == CLOCK_REALTIME) now->tv_sec -= set_back_seconds;
  return result;
}

TEST_CASE("a clock that is set back holds no log up, and times go with it") {
  const WorkingFolder folder;
  fs::create_symlink("/dev/full", segment(0));
  supervisor::LogWriter log;
  REQUIRE(log.begin(1000, 100000));
  log.append("0123456789");
  REQUIRE(log.lost() == 10);
  set_back_seconds = 3600;
  CHECK(stores_again(log));
  const auto index = "idx" + segment(log.lost()).substr(3);
  const auto entries = fs::file_size(index) / sizeof(run_folder::IndexEntry);
  set_back_seconds = 7200;
  log.append("y");
  CHECK(fs::file_size(index) / sizeof(run_folder::IndexEntry) == entries + 1);
  set_back_seconds = 0;
}

TEST_CASE("what a full disk refuses is counted, and the next segment's name shows the hole") {
  const WorkingFolder folder;
  fs::create_symlink("/dev/full", segment(0));
  supervisor::LogWriter log;
  REQUIRE(log.begin(1000, 100000));
  log.append("0123456789");
  CHECK(log.end_offset() == 10);
  CHECK(log.lost() == 10);
  // Nothing is tried again at once; a moment later everything is stored.
  REQUIRE(stores_again(log));
  const uint64_t lost = log.lost();
  CHECK(log.end_offset() == lost + 1);
  CHECK(fs::file_size(segment(lost)) == 1);
}

TEST_CASE("segments are as long as they may be, and the oldest go") {
  const WorkingFolder folder;
  supervisor::LogWriter log;
  REQUIRE(log.begin(1000, 3000));
  const std::string line(700, 'x');
  for (int i = 0; i < 10; ++i) log.append(line);
  CHECK(log.end_offset() == 7000);
  CHECK(log.lost() == 0);
  CHECK_FALSE(fs::exists(segment(3000)));
  CHECK(fs::file_size(segment(5000)) == 1000);
  CHECK(fs::file_size(segment(6000)) == 1000);
}

TEST_CASE("a second writer goes on where the first one ended") {
  const WorkingFolder folder;
  {
    supervisor::LogWriter log;
    REQUIRE(log.begin(1000, 100000));
    log.append("first");
  }
  supervisor::LogWriter log;
  REQUIRE(log.begin(1000, 100000));
  CHECK(log.end_offset() == 5);
  log.append("second");
  CHECK(log.end_offset() == 11);
  CHECK(fs::file_size(segment(5)) == 6);
}

#include "core/jobs/crash_points.hpp"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>

namespace operon::jobs::detail {
namespace {

CrashPoint from_environment() {
  const char* name = std::getenv("OPERON_CRASH_AT");
  if (name == nullptr) return CrashPoint::none;
  for (size_t i = 0; i < crash_point_names.size(); ++i) {
    if (crash_point_names[i] == name) return static_cast<CrashPoint>(i + 1);
  }
  return CrashPoint::none;
}

}  // namespace

std::atomic<CrashPoint> armed_crash_point{from_environment()};

void crash_now() noexcept {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace operon::jobs::detail

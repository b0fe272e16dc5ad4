/// core/jobs/crash_points.hpp: the steps of a run at which a test may kill the host, to show that the next one goes on rightly.
///
/// With OPERON_CRASH_AT=name in the environment the process kills itself (SIGKILL: nothing is flushed, nothing unwound) when it first gets
/// there.
#pragma once

#include <array>
#include <atomic>
#include <string_view>

namespace operon::jobs {

enum class CrashPoint {
  none = 0,
  start_before_record,
  start_after_record,
  start_before_runner,
  start_after_runner,
  start_after_started_recorded,
  end_before_record,
  end_after_record,
  stop_latched,
  stop_after_runner,
  archive_before,
  archive_after_written,
  archive_after,
  destroy_before,
  destroy_after,
  destroy_recorded,
};

/// In the order of `CrashPoint`, which begins with none.
inline constexpr std::array<std::string_view, 15> crash_point_names = {
    "start.before_record",   "start.after_record", "start.before_runner", "start.after_runner", "start.after_started_recorded",
    "end.before_record",     "end.after_record",   "stop.latched",        "stop.after_runner",  "archive.before",
    "archive.after_written", "archive.after",      "destroy.before",      "destroy.after",      "destroy.recorded"};

namespace detail {
extern std::atomic<CrashPoint> armed_crash_point;
[[noreturn]] void crash_now() noexcept;
}  // namespace detail

/// Costs one relaxed load.
inline void crash_point(CrashPoint point) noexcept {
  if (detail::armed_crash_point.load(std::memory_order_relaxed) == point) detail::crash_now();
}

}  // namespace operon::jobs

/// core/jobs/log_reader.hpp: one reader over a live or a finished log.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/jobs/log_hub.hpp"
#include "core/jobs/log_marks.hpp"
#include "core/jobs/log_source.hpp"
#include "core/jobs/log_upstream.hpp"

namespace operon::jobs {

struct ReaderParts {
  std::shared_ptr<LiveLog> live;      ///< null: a finished log
  std::shared_ptr<LogSource> source;  ///< null: not there yet (or never)
  std::shared_ptr<MarkFile> marks;
  std::shared_ptr<Follower> follower;
  std::function<void()> closed;  ///< when the reader goes
  uint64_t begin = 0;
  uint64_t log_bytes_max = 0;
  int64_t follower_stall_ms = 0;
};

std::unique_ptr<LogReader> make_reader(ReaderParts, const LogOptions&);

}  // namespace operon::jobs

#include "core/log/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "core/base/clock.hpp"
#include "core/log/line.hpp"
#include "operon/error.hpp"

namespace operon::log {
namespace {

/// Standard error, one write a line, so that lines of several threads and processes never mix.
class StandardError final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    line.append(message.payload.begin(), message.payload.end());
    line.push_back('\n');
    const char* at = line.data();
    size_t left = line.size();
    while (left > 0) {
      ssize_t n = ::write(STDERR_FILENO, at, left);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return;  // nobody can be told that the log is gone
      at += n;
      left -= static_cast<size_t>(n);
    }
  }
  void flush_() override {}
};

struct State {
  std::atomic<bool> json{false};
  std::atomic<bool> colour{false};
  std::atomic<int> level{static_cast<int>(Level::info)};
  spdlog::logger logger{"operon", std::make_shared<StandardError>()};
  State() { logger.set_level(spdlog::level::trace); }
};

State& state() {
  static auto* all = new State;  // for ever: threads may log while statics are destroyed
  return *all;
}

thread_local std::string current_request_id, current_job_id;

spdlog::level::level_enum spd(Level level) {
  switch (level) {
    case Level::trace:
      return spdlog::level::trace;
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

void put(Line& line) {
  line.unix_ms = base::system_clock().unix_ms();
  line.request_id = current_request_id;
  line.job_id = current_job_id;
  State& s = state();
  std::string text = s.json ? json_line(line) : text_line(line, s.colour);
  s.logger.log(spd(line.level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace

void write(Level level, std::string_view message, std::initializer_list<Field> fields) noexcept {
  if (!enabled(level)) return;
  try {
    Line line{.level = level, .message = message, .request_id = {}, .job_id = {}, .fields = {}};
    for (const auto& [name, value] : fields) line.fields.emplace_back(name, value);
    put(line);
  } catch (...) {
    // Out of memory while logging: the program's own work goes first.
  }
}

void write_json(Level level, std::string_view message, std::string_view fields_json) noexcept {
  if (!enabled(level)) return;
  try {
    Line line{.level = level, .message = message, .request_id = {}, .job_id = {}, .fields = fields_of(fields_json)};
    put(line);
  } catch (...) {
    // As above.
  }
}

bool enabled(Level level) noexcept {
  return static_cast<int>(level) >= state().level.load(std::memory_order_relaxed);
}

Scope::Scope(std::string_view request_id, std::string_view job_id) noexcept {
  try {
    previous_request_id_ = current_request_id;
    previous_job_id_ = current_job_id;
    // An inner scope adds to the outer one: a job's work inside a request keeps the request's id.
    if (!request_id.empty()) current_request_id = request_id;
    if (!job_id.empty()) current_job_id = job_id;
  } catch (...) {
    // Out of memory: the lines lack an id.
  }
}

Scope::~Scope() {
  current_request_id.swap(previous_request_id_);
  current_job_id.swap(previous_job_id_);
}

void start(Format format, Level level) {
  bool terminal = ::isatty(STDERR_FILENO) == 1;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  State& s = state();
  s.json = format == Format::json || (format == Format::automatic && !terminal);
  s.colour = terminal && (!no_colour || !*no_colour) && !(term && std::string_view(term) == "dumb");
  set_level(level);
}

void set_level(Level level) noexcept {
  state().level = static_cast<int>(level);
}

Level level_from_string(std::string_view word) {
  if (word == "trace") return Level::trace;
  if (word == "debug") return Level::debug;
  if (word == "info") return Level::info;
  if (word == "warn" || word == "warning") return Level::warn;
  if (word == "error") return Level::error;
  throw Error(Code::invalid_argument, "unknown log level '" + std::string(word.substr(0, 40)) + "': use trace, debug, info, warn or error");
}

}  // namespace operon::log

/// core/log/log.hpp: the host's log. spdlog stays behind it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace operon::log {

enum class Level { trace, debug, info, warn, error };

/// A named value beside a message. Values are text; numbers are formatted by the caller's std::to_string.
using Field = std::pair<std::string_view, std::string_view>;

/// One line. Request id and job id of the calling thread's `Scope` are added; everything passes the scrubber. Thread-safe, never throws.
void write(Level, std::string_view message, std::initializer_list<Field> fields = {}) noexcept;
/// The same with fields that are already a JSON object's text (plugins).
void write_json(Level, std::string_view message, std::string_view fields_json) noexcept;
bool enabled(Level) noexcept;

inline void debug(std::string_view m, std::initializer_list<Field> f = {}) noexcept {
  write(Level::debug, m, f);
}
inline void info(std::string_view m, std::initializer_list<Field> f = {}) noexcept {
  write(Level::info, m, f);
}
inline void warn(std::string_view m, std::initializer_list<Field> f = {}) noexcept {
  write(Level::warn, m, f);
}
inline void error(std::string_view m, std::initializer_list<Field> f = {}) noexcept {
  write(Level::error, m, f);
}

/// Names what this thread is working on, for every line written meanwhile. Nests.
class Scope {
 public:
  Scope(std::string_view request_id, std::string_view job_id) noexcept;
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::string previous_request_id_, previous_job_id_;
};

enum class Format { automatic, text, json };  ///< automatic: text on a terminal, else one JSON object a line

/// To standard error. Call once before threads are started; `set_level` at any time.
void start(Format, Level);
void set_level(Level) noexcept;
/// "trace" ... "error"; throws Error(invalid_argument) naming the known words.
Level level_from_string(std::string_view);

}  // namespace operon::log

/// core/log/line.hpp: what one line of the log looks like, as text for people and as JSON for programs. Everything is scrubbed here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/log/log.hpp"

namespace operon::log {

inline constexpr size_t message_bytes_max = 16'384;  ///< longer messages and values are cut, and say so
inline constexpr size_t fields_max = 64;

struct Line {
  int64_t unix_ms = 0;
  Level level = Level::info;
  std::string_view message, request_id, job_id;
  std::vector<std::pair<std::string, std::string>> fields;  ///< values are text
};

/// "2026-01-02T03:04:05.678Z info  message key=value" without a newline; control characters are escaped.
std::string text_line(const Line&, bool colour);
/// {"time":...,"level":...,"message":...,"requestId":...,"jobId":...,fields} without a newline. A field whose name is taken gets "field_"
/// before it.
std::string json_line(const Line&);
/// The members of a JSON object as fields; nested values as their JSON text. What is no object becomes the field "fields".
std::vector<std::pair<std::string, std::string>> fields_of(std::string_view json);

}  // namespace operon::log

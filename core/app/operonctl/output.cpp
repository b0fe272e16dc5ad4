#include "core/app/operonctl/output.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "operon/yaml/yaml.hpp"

namespace operon::ctl {
namespace {

constexpr size_t text_bytes_max = 4000;  // where nothing stands to the right of it

nlohmann::json at(const nlohmann::json& row, const std::string& member) {
  const nlohmann::json* here = &row;
  size_t from = 0;
  while (from <= member.size()) {
    const size_t dot = std::min(member.find('.', from), member.size());
    const auto key = member.substr(from, dot - from);
    if (!here->is_object() || !here->contains(key)) return nullptr;
    here = &(*here)[key];
    from = dot + 1;
  }
  return *here;
}

/// Columns a terminal shows for this UTF-8 text: one a code point, which is right for what servers send here.
size_t width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void print_line(const std::vector<std::string>& cells, const std::vector<size_t>& widths, const Settings& s, bool status_colours) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    std::string text = status_colours ? colour_status(s, cells[i]) : cells[i];
    line += text;
    if (i + 1 < cells.size()) line += std::string(widths[i] - width(cells[i]) + 3, ' ');
  }
  std::puts(line.c_str());
}

bool is_list_of_texts(const nlohmann::json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const nlohmann::json& item) { return item.is_string(); });
}

void print_whole(const Settings& s, const nlohmann::json& whole) {
  if (s.output == Output::yaml) {
    std::fputs(yaml::emit(whole).c_str(), stdout);
  } else {
    std::puts(whole.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  }
}

}  // namespace

std::string cell(const nlohmann::json& value, size_t bytes_max) {
  if (value.is_null()) return "-";
  std::string text;
  if (value.is_string()) {
    text = value.get<std::string>();
  } else if (is_list_of_texts(value)) {
    for (const auto& item : value) text += (text.empty() ? "" : ", ") + item.get<std::string>();
  } else {
    text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return text.empty() ? "-" : base::printable(text, bytes_max);
}

std::string colour_status(const Settings& s, const std::string& status) {
  if (!s.colour) return status;
  const char* code = nullptr;
  if (status == "Succeeded" || status == "ready") code = "32";
  if (status == "Failed" || status == "refused" || status == "quarantined") code = "31";
  if (status == "Running") code = "36";
  if (status == "Stopped" || status == "Pending") code = "33";
  return code ? "\x1b[" + std::string(code) + "m" + status + "\x1b[0m" : status;
}

std::string age(const std::string& rfc3339, int64_t now_unix_ms) {
  std::tm tm{};
  if (!strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &tm)) return "-";
  int64_t seconds = std::max<int64_t>(0, now_unix_ms / 1000 - static_cast<int64_t>(timegm(&tm)));
  if (seconds < 120) return std::to_string(seconds) + "s";
  if (seconds < 7200) return std::to_string(seconds / 60) + "m" + std::to_string(seconds % 60) + "s";
  if (seconds < 172800) return std::to_string(seconds / 3600) + "h" + std::to_string(seconds / 60 % 60) + "m";
  return std::to_string(seconds / 86400) + "d";
}

void print_rows(const Settings& s, const std::vector<Column>& columns, const nlohmann::json& rows, const std::string& name_member,
                const nlohmann::json& whole) {
  if (s.output == Output::json || s.output == Output::yaml) return print_whole(s, whole);
  if (s.output == Output::name) {
    for (const auto& row : rows) std::puts(cell(at(row, name_member)).c_str());
    return;
  }
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& column : columns) {
    if (!column.wide || s.output == Output::wide) lines[0].push_back(column.title);
  }
  for (const auto& row : rows) {
    auto& line = lines.emplace_back();
    for (const auto& column : columns) {
      const size_t bytes_max = &column == &columns.back() ? text_bytes_max : cell_bytes_max;
      if (!column.wide || s.output == Output::wide) line.push_back(cell(at(row, column.member), bytes_max));
    }
  }
  std::vector<size_t> widths(lines[0].size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  }
  for (size_t i = 0; i < lines.size(); ++i) print_line(lines[i], widths, s, i > 0);
}

void print_object(const Settings& s, const std::vector<Column>& columns, const nlohmann::json& object, const std::string& name_member) {
  if (s.output == Output::json || s.output == Output::yaml) return print_whole(s, object);
  if (s.output == Output::name) {
    std::puts(cell(at(object, name_member)).c_str());
    return;
  }
  size_t widest = 0;
  for (const auto& column : columns) widest = std::max(widest, column.title.size());
  for (const auto& column : columns) {
    const auto value = at(object, column.member);
    if (value.is_null() && s.output != Output::wide) continue;
    print_line({column.title + ":", cell(value, text_bytes_max)}, {widest + 1, 0}, s, true);
  }
}

}  // namespace operon::ctl

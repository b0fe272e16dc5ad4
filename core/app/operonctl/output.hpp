/// core/app/operonctl/output.hpp: tables for people, JSON, YAML and names for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/app/operonctl/settings.hpp"

namespace operon::ctl {

constexpr size_t cell_bytes_max = 120;

/// A column: its title, the member it shows, and whether only -o wide shows it.
struct Column {
  std::string title;
  std::string member;  ///< key of the row's object; "a.b" goes deeper
  bool wide = false;
};

/// Prints rows (a JSON array of objects) in the chosen form. `name_member` is what -o name prints; `whole` is what json and yaml print.
void print_rows(const Settings&, const std::vector<Column>&, const nlohmann::json& rows, const std::string& name_member,
                const nlohmann::json& whole);

/// Prints one object: as a two-column table, or whole.
void print_object(const Settings&, const std::vector<Column>&, const nlohmann::json& object, const std::string& name_member);

std::string colour_status(const Settings&, const std::string& status);

/// "3m12s" since an RFC 3339 time; "-" when there is none.
std::string age(const std::string& rfc3339, int64_t now_unix_ms);

/// A cell's text: control characters escaped, so that no server answer can drive the terminal; a list of texts with commas between.
std::string cell(const nlohmann::json&, size_t bytes_max = cell_bytes_max);

}  // namespace operon::ctl

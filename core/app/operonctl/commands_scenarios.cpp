#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/app/operonctl/client.hpp"
#include "core/app/operonctl/commands.hpp"
#include "core/app/operonctl/output.hpp"
#include "core/app/operonctl/scenario_lookup.hpp"

namespace operon::ctl {
namespace {

using nlohmann::json;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// Ignores the case of ASCII letters.
bool holds(const json& row, const char* member, const std::string& word) {
  const auto text = row.find(member);
  if (text == row.end() || !text->is_string()) return false;
  const std::string& in = text->get_ref<const std::string&>();
  return std::search(in.begin(), in.end(), word.begin(), word.end(), [](char a, char b) { return lower(a) == lower(b); }) != in.end();
}

void keep_those_with(const std::string& word, json& rows) {
  if (word.empty()) return;
  json kept = json::array();
  for (json& row : rows) {
    if (holds(row, "name", word) || holds(row, "title", word) || holds(row, "description", word)) kept.push_back(std::move(row));
  }
  rows = std::move(kept);
}

/// What must be known of a list that is not whole or not new.
void say_how_whole(const Headers& headers, const json& answer) {
  const auto partial = [](const std::string& who) {
    std::fprintf(stderr, "operonctl: %s is still reading: a later list has more\n", who.c_str());
  };
  const auto old = [](const std::string& who, const std::string& seconds) {
    std::fprintf(stderr, "operonctl: %s could not be asked for a newer list; this one is %s s old\n", who.c_str(), seconds.c_str());
  };
  for (const json& one : answer.value("registries", json::array())) {
    const std::string who = "registry " + cell(one.at("registry"));
    if (one.value("partial", false)) partial(who);
    if (one.contains("ageSeconds")) old(who, cell(one["ageSeconds"]));
  }
  for (const auto& [name, value] : headers) {
    if (answer.contains("registries")) break;  // a private registry's list has these alone
    if (name == "operon-partial" && value == "true") partial("the registry");
    if (name == "age") old("the registry", cell(value));
  }
  for (const json& failed : answer.value("failed", json::array()))
    std::fprintf(stderr, "operonctl: registry %s did not answer: %s\n", cell(failed.at("registry")).c_str(),
                 cell(failed.at("message"), 500).c_str());
}

const std::vector<Column> scenario_columns = {{"NAME", "name"},
                                              {"REGISTRY", "registry"},
                                              {"MODIFIED", "lastModified"},
                                              {"REFERENCE", "reference", true},
                                              {"SIZE", "size", true},
                                              {"DIGEST", "digest", true},
                                              {"TITLE", "title"}};
/// Of a registry that the command names: its list tells no titles, and there is but one.
const std::vector<Column> private_columns = {
    {"NAME", "name"}, {"MODIFIED", "lastModified"}, {"SIZE", "size", true}, {"DIGEST", "digest", true}, {"REFERENCE", "reference"}};

const std::vector<Column> field_columns = {{"VARIABLE", "variable"},
                                           {"TYPE", "type"},
                                           {"REQUIRED", "required"},
                                           {"DEFAULT", "default"},
                                           {"ALLOWED VALUES", "allowed_values"},
                                           {"PATTERN", "validator", true},
                                           {"MOUNT PATH", "mount_path", true},
                                           {"REQUIRES", "requires", true},
                                           {"EXCLUDES", "mutually_excludes", true},
                                           {"DESCRIPTION", "text"}};

/// A field as a row of the table: what is secret is hidden, what is absent stays absent.
json row_of(const json& field) {
  json row = field;
  row["required"] = field.value("required", false) ? "yes" : "no";
  if (field.value("secret", false) && !field.value("default", "").empty()) row["default"] = "(hidden)";
  for (const char* member : {"description", "short_description"}) {
    if (!field.value(member, "").empty()) row["text"] = field[member];
  }
  return row;
}

void print_fields(const Settings& s, const json& fields) {
  json rows = json::array();
  for (const json& field : fields) {
    if (field.value("type", "") != "group") rows.push_back(row_of(field));
  }
  if (rows.empty()) return;
  std::puts("");
  print_rows(s, field_columns, rows, "variable", rows);
}

}  // namespace

int scenarios(const Settings& s, const RegistryChoice& registry, const std::string& word) {
  check(registry);
  const json body = registry_body(s, registry);
  Client client(s);
  Headers headers;
  json answer =
      registry.is_private()
          ? client.json("POST", "/scenarios", &body, {}, &headers)
          : client.json("GET", "/operon/v1/scenarios" + (registry.instance.empty() ? "" : "?registry=" + escape(registry.instance)),
                        nullptr, {}, &headers);
  keep_those_with(word, answer.at("scenarios"));
  if (registry.is_private()) {
    for (json& row : answer["scenarios"]) row["reference"] = image_repository(registry) + ":" + row.value("name", "");
  }
  print_rows(s, registry.is_private() ? private_columns : scenario_columns, answer.at("scenarios"), "name", answer);
  say_how_whole(headers, answer);
  if (!word.empty() && answer["scenarios"].empty())
    std::fprintf(stderr, "operonctl: no scenario with '%s'%s\n", cell(word).c_str(),
                 registry.is_private() ? " in its name; titles are not in a private registry's list" : "");
  return exit_ok;
}

int scenario(const Settings& s, const std::string& name, const RegistryChoice& registry, bool globals) {
  check(registry);
  const json body = registry_body(s, registry);
  Client client(s);
  json answer = scenario_detail(client, registry, body, name);
  const bool table = s.output == Output::table || s.output == Output::wide;
  if (table && answer.value("has_rollback", false)) answer["rollback"] = "yes";
  print_object(s,
               {{"Name", "name"},
                {"Title", "title"},
                {"Description", "description"},
                {"Registry", "registry"},
                {"Reference", "reference"},
                {"Digest", "digest"},
                {"Modified", "lastModified"},
                {"Rollback", "rollback"}},
               answer, "name");
  if (!table) return exit_ok;
  print_fields(s, answer.at("fields"));
  const json base = answer.value("globals", json::array());
  if (globals) {
    std::puts(base.empty() ? "\nNo globals: its base has no fields." : "\nGlobals, from its base:");
    print_fields(s, base);
  } else if (!base.empty()) {
    std::fprintf(stderr, "and %zu fields of its base: --globals shows them\n", base.size());
  }
  return exit_ok;
}

}  // namespace operon::ctl

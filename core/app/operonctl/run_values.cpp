#include "core/app/operonctl/run_values.hpp"

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/app/operonctl/form.hpp"
#include "core/app/operonctl/terminal.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"
#include "operon/fields/validate.hpp"

namespace operon::ctl {
namespace {

using nlohmann::json;

constexpr size_t file_bytes_max = 32u << 20;  // the host's limit for a whole request

std::string read_local(const std::string& path) {
  return base::read_file(path, file_bytes_max);
}

json file_entry(const std::string& path, const std::string& mount_path) {
  return {{"name", std::filesystem::path(mount_path).filename().string()},
          {"content", base::base64_encode(read_local(path))},
          {"mountPath", mount_path}};
}

/// What is given, with the files that will come along by their mount paths; nothing is read.
fields::Input input_of(const Scenario& scenario, const LocalFiles& files, const Values& values) {
  fields::Input input;
  input.environment = values;
  for (const auto& [path, mount_path] : files) input.mount_paths.insert(mount_path);
  for (const fields::Field& field : scenario.fields) {
    if (field.type != fields::Type::file || !field.variable || !field.mount_path) continue;
    const auto given = values.find(*field.variable);
    if (given != values.end() && !given->second.empty()) input.mount_paths.insert(*field.mount_path);
  }
  return input;
}

Error not_given(const Scenario& scenario, const std::vector<fields::Field>& missing) {
  std::string names;
  for (const fields::Field& field : missing) {
    names += (names.empty() ? "" : ", ") + field.variable.value_or(field.name);
    if (field.short_description && !field.short_description->empty()) names += " (" + base::printable(*field.short_description) + ")";
  }
  return {Code::failed_precondition, "scenario '" + base::printable(scenario.name) + "' needs values that were not given: " + names +
                                         "; give each with --set VARIABLE=VALUE, or all in a file with --from-file"};
}

}  // namespace

Values assignments(const std::vector<std::string>& set) {
  Values values;
  for (const std::string& one : set) {
    const size_t equals = one.find('=');
    if (equals == std::string::npos || equals == 0)
      throw Error{Code::invalid_argument, "--set '" + base::printable(one) + "' must read VARIABLE=VALUE"};
    if (!base::is_utf8(one))
      throw Error{Code::invalid_argument, "--set " + base::printable(one.substr(0, equals)) + ": the value is not UTF-8 text"};
    values[one.substr(0, equals)] = one.substr(equals + 1);
  }
  return values;
}

bool complete(const Settings& s, const Scenario& scenario, const LocalFiles& files, Values& values) {
  std::map<std::string, bool> asked;
  while (true) {  // an answer may bring along what it requires
    std::vector<fields::Field> open;
    for (fields::Field& field : fields::missing(scenario.fields, input_of(scenario, files, values))) {
      if (!asked.count(*field.variable) && (can_ask(s) || !has_default(field))) open.push_back(std::move(field));
    }
    if (open.empty()) return !asked.empty();
    if (!can_ask(s)) throw not_given(scenario, open);
    if (asked.empty())
      std::fprintf(stderr, "Scenario '%s' needs values (Ctrl-C: start nothing).\n", base::printable(scenario.name).c_str());
    for (const fields::Field& field : open) {
      asked[*field.variable] = true;
      if (auto answer = ask_field(field, read_local)) values[*field.variable] = std::move(*answer);
    }
  }
}

json values_body(const Scenario& scenario, Values values, const LocalFiles& local_files) {
  json files = json::array();
  for (const auto& [path, mount_path] : local_files) files.push_back(file_entry(path, mount_path));
  for (const fields::Field& field : scenario.fields) {
    if (!field.variable || !values.count(*field.variable)) continue;
    std::string& value = values[*field.variable];
    const bool is_file = (field.type == fields::Type::file && field.mount_path) || field.type == fields::Type::file_base64;
    if (is_file && value.empty()) {  // no path is no file
      values.erase(*field.variable);
    } else if (field.type == fields::Type::file && field.mount_path) {
      files.push_back(file_entry(value, *field.mount_path));
      values.erase(*field.variable);
    } else if (field.type == fields::Type::file_base64) {
      value = base::base64_encode(read_local(value));
    }
  }
  if (scenario.known) {
    fields::Input input;
    input.environment = values;
    for (const json& file : files) input.mount_paths.insert(file.at("mountPath").get<std::string>());
    fields::validate(scenario.fields, input);  // the host applies the defaults; this is only to say it sooner
  }
  json body = {{"environment", std::move(values)}};
  if (!files.empty()) body["files"] = std::move(files);
  return body;
}

}  // namespace operon::ctl

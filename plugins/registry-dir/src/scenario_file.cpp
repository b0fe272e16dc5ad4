#include "scenario_file.hpp"

#include <algorithm>
#include <set>

#include "operon/error.hpp"
#include "operon/fields/validate.hpp"
#include "operon/yaml/yaml.hpp"

namespace registry_dir {
namespace {

using nlohmann::json;
using operon::Code;
using operon::Error;
using operon::fields::Field;
using operon::yaml::Document;
using operon::yaml::pointer_step;

[[noreturn]] void fail(const Document& document, const std::string& pointer, const std::string& what) {
  throw Error(Code::invalid_argument, document.where(pointer) + ": " + what);
}

/// Every key must be one of these: a misspelt `feilds` would else make a scenario without fields.
void check_keys(const Document& document, const std::string& pointer, const json& map, std::initializer_list<const char*> known) {
  for (const auto& item : map.items()) {
    const std::string& key = item.key();
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string list;
    for (const char* k : known) list += (list.empty() ? "" : ", ") + std::string(k);
    fail(document, pointer + pointer_step(key), "unknown key '" + key + "'; known are " + list);
  }
}

/// The member, or null when it is absent.
const json& member(const json& map, const char* key) {
  static const json none;
  auto found = map.find(key);
  return found == map.end() ? none : *found;
}

std::string text(const Document& document, const std::string& pointer, const json& map, const char* key) {
  const json& value = member(map, key);
  if (value.is_null()) return "";
  if (!value.is_string()) fail(document, pointer + "/" + key, std::string("`") + key + "` must be text");
  return value.get<std::string>();
}

/// Throws when the field's own default breaks the field's rule: it could never be run.
void check_default(Field field) {
  field.required = false;
  if (field.default_value && field.type != operon::fields::Type::file) operon::fields::validate_value(field, std::nullopt);
}

std::vector<Field> read_fields(const Document& document, const std::string& pointer, const json& map) {
  const json& list = member(map, "fields");
  const std::string list_pointer = pointer + "/fields";
  if (list.is_null()) return {};
  if (!list.is_array()) fail(document, list_pointer, "`fields` must be a list");
  for (size_t i = 0; i < list.size(); ++i) {
    try {
      check_default(operon::fields::parse_label_field(list[i]));
    } catch (const Error& e) {
      fail(document, list_pointer + "/" + std::to_string(i) + (e.field().empty() ? "" : "/" + e.field()), e.what());
    }
  }
  try {
    return operon::fields::parse_label_fields(list);
  } catch (const Error& e) {
    fail(document, list_pointer, e.what());
  }
}

Texts read_texts(const Document& document, const std::string& pointer, const json& map) {
  Texts texts;
  texts.title = text(document, pointer, map, "title");
  if (texts.title.empty()) fail(document, pointer, "`title` is missing");
  texts.description = text(document, pointer, map, "description");
  texts.fields = read_fields(document, pointer, map);
  return texts;
}

void check_argv(const Document& document, const std::string& pointer, const json& map) {
  const json& argv = member(map, "argv");
  if (!argv.is_array() || argv.empty()) fail(document, pointer, "`argv` must be a list of texts: the program and its arguments");
  for (size_t i = 0; i < argv.size(); ++i) {
    if (!argv[i].is_string()) fail(document, pointer + "/argv/" + std::to_string(i), "an argument must be text");
  }
  if (argv[0].get_ref<const std::string&>().empty()) fail(document, pointer + "/argv/0", "the program must have a name");
}

bool is_variable_name(const std::string& name) {
  auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; });
}

/// Scalars are text here: `true` and `false` are words.
bool flag(const Document& document, const std::string& pointer, const json& map, const char* key) {
  const std::string word = text(document, pointer, map, key);
  if (!word.empty() && word != "true" && word != "false")
    fail(document, pointer + "/" + key, std::string("`") + key + "` must be true or false");
  return word == "true";
}

std::string read_run(const Document& document, const json& root) {
  const json& run = member(root, "run");
  if (!run.is_object()) fail(document, "/run", "`run` must be a map that says what to run: {argv: [...]}");
  check_keys(document, "/run", run, {"argv", "workdir", "env", "revert", "needsKubeconfig"});
  check_argv(document, "/run", run);
  json out{{"argv", run["argv"]}};
  if (std::string workdir = text(document, "/run", run, "workdir"); !workdir.empty()) out["workdir"] = workdir;
  if (const json& env = member(run, "env"); !env.is_null()) {
    if (!env.is_object()) fail(document, "/run/env", "`env` must be a map of texts");
    for (const auto& [name, value] : env.items()) {
      if (!is_variable_name(name)) fail(document, "/run/env" + pointer_step(name), "not the name of an environment variable");
      if (!value.is_string()) fail(document, "/run/env" + pointer_step(name), "`" + name + "` must be text");
    }
    out["env"] = env;
  }
  if (flag(document, "/run", run, "needsKubeconfig")) out["needsKubeconfig"] = true;
  if (const json& revert = member(run, "revert"); !revert.is_null()) {
    if (!revert.is_object()) fail(document, "/run/revert", "`revert` must be a map that says what to run: {argv: [...]}");
    check_keys(document, "/run/revert", revert, {"argv", "always"});
    check_argv(document, "/run/revert", revert);
    out["revert"] = {{"argv", revert["argv"]}};
    if (flag(document, "/run/revert", revert, "always")) out["revert"]["always"] = true;
  }
  return out.dump();
}

}  // namespace

ScenarioFile parse_scenario(std::string_view yaml, const std::string& name) {
  const Document document = operon::yaml::load(yaml, name, {.bytes_max = scenario_bytes_max}, operon::yaml::Scalars::text);
  const json& root = document.value;
  if (!root.is_object()) fail(document, "", "a scenario must be a map with title, description, fields, globals and run");
  check_keys(document, "", root, {"title", "description", "fields", "globals", "run"});
  ScenarioFile scenario;
  scenario.texts = read_texts(document, "", root);
  if (const json& globals = member(root, "globals"); !globals.is_null()) {
    if (!globals.is_object()) fail(document, "/globals", "`globals` must be a map with title, description and fields");
    check_keys(document, "/globals", globals, {"title", "description", "fields"});
    scenario.globals = read_texts(document, "/globals", globals);
    std::set<std::string> variables;
    for (const auto& field : scenario.texts.fields) variables.insert(field.variable.value_or(""));
    for (const auto& field : scenario.globals->fields) {
      if (field.variable && variables.count(*field.variable))
        fail(document, "/globals/fields", "variable '" + *field.variable + "' is a field of the scenario already");
    }
  }
  scenario.run = read_run(document, root);
  return scenario;
}

}  // namespace registry_dir

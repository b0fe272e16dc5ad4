/// An instance's configuration against its plugin's JSON Schema, before any of the plugin's code runs.
///
/// The validator matches `pattern` with std::regex, which overflows the stack on long text. So patterns never reach it: each is matched
/// here by RE2 against every string of the document, and stands in the schema as the list of those that match.
#define VALIJSON_USE_EXCEPTIONS 1
#include <re2/re2.h>

#include <nlohmann/json.hpp>
#include <set>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/plugin/loader.hpp"
#include "operon/error.hpp"

namespace operon::plugin {
namespace {

using nlohmann::json;

constexpr int64_t pattern_memory_bytes_max = 1 << 20;

std::unique_ptr<RE2> compile(const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(pattern_memory_bytes_max);
  auto regex = std::make_unique<RE2>(pattern, options);
  if (!regex->ok()) throw Error(Code::invalid_argument, "pattern '" + base::printable(pattern) + "': " + regex->error());
  return regex;
}

void collect_strings(const json& value, std::set<std::string>& strings) {
  if (value.is_string()) strings.insert(value.get<std::string>());
  if (value.is_array()) {
    for (const json& item : value) collect_strings(item, strings);
  }
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      strings.insert(key);  // for propertyNames
      collect_strings(member, strings);
    }
  }
}

/// The schema without `pattern`.
class Rewriter {
 public:
  explicit Rewriter(const std::set<std::string>& strings) : strings_(strings) {}

  void schema(json& s) const {
    if (!s.is_object()) return;
    if (s.contains("patternProperties"))
      throw Error(Code::invalid_argument, "patternProperties is not supported; use additionalProperties and propertyNames");
    for (const char* map : {"properties", "definitions", "dependencies"}) {
      if (s.contains(map) && s[map].is_object()) {
        for (json& member : s[map]) schema(member);
      }
    }
    for (const char* list : {"allOf", "anyOf", "oneOf", "items"}) {
      if (s.contains(list) && s[list].is_array()) {
        for (json& member : s[list]) schema(member);
      }
    }
    for (const char* one : {"items", "additionalItems", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else"}) {
      if (s.contains(one)) schema(s[one]);
    }
    if (s.contains("pattern")) replace_pattern(s);
  }

 private:
  void replace_pattern(json& s) const {
    if (!s["pattern"].is_string()) throw Error(Code::invalid_argument, "a pattern is not a string");
    std::unique_ptr<RE2> regex = compile(s["pattern"].get<std::string>());
    json matching = json::array({nullptr});  // null is no string, and an empty list would be no enum
    for (const std::string& text : strings_) {
      if (RE2::PartialMatch(text, *regex)) matching.push_back(text);
    }
    s.erase("pattern");
    json& all = s["allOf"];
    if (!all.is_array()) all = json::array();
    all.push_back({{"anyOf", json::array({json{{"not", json{{"type", "string"}}}}, json{{"enum", matching}}})}});
  }

  const std::set<std::string>& strings_;
};

/// Plain violations of a pattern, for a message that names it.
void check_patterns(const json& schema, const json& value, const std::string& path) {
  if (!schema.is_object()) return;
  if (value.is_string() && schema.contains("pattern") && schema["pattern"].is_string()) {
    std::string pattern = schema["pattern"].get<std::string>();
    if (!RE2::PartialMatch(value.get<std::string>(), *compile(pattern))) {
      throw Error(Code::invalid_argument, (path.empty() ? "the value" : path) + ": does not match the pattern " + base::printable(pattern))
          .with_field(path);
    }
  }
  if (value.is_object() && schema.contains("properties") && schema["properties"].is_object()) {
    for (const auto& [key, member] : value.items()) {
      if (schema["properties"].contains(key)) check_patterns(schema["properties"][key], member, path.empty() ? key : path + "." + key);
    }
  }
  if (value.is_array() && schema.contains("items") && schema["items"].is_object()) {
    for (size_t i = 0; i < value.size(); ++i) check_patterns(schema["items"], value[i], path + "[" + std::to_string(i) + "]");
  }
}

/// "<root>", "[config]", "[path]" as config.path.
std::string path_text(const std::vector<std::string>& context) {
  std::string path;
  for (const std::string& step : context) {
    if (step == "<root>") continue;
    std::string name = step;
    if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
    bool index = !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
    path += index ? "[" + name + "]" : (path.empty() ? name : "." + name);
  }
  return path;
}

/// The part of the schema that judges a place of the document; none where that is not said by plain properties and items.
const json* schema_at(const json& schema, const std::vector<std::string>& context) {
  const json* here = &schema;
  for (const std::string& step : context) {
    if (step == "<root>") continue;
    if (step.size() < 2) return nullptr;
    const std::string name = step.substr(1, step.size() - 2);
    if (here->contains("properties") && (*here)["properties"].contains(name)) {
      here = &(*here)["properties"][name];
    } else if (here->contains("items") && (*here)["items"].is_object()) {
      here = &(*here)["items"];
    } else {
      return nullptr;
    }
    if (!here->is_object()) return nullptr;
  }
  return here;
}

std::string known_keys(const json& rule) {
  std::string names;
  if (rule.contains("properties")) {
    for (const auto& [key, ignored] : rule["properties"].items()) names += (names.empty() ? "" : ", ") + key;
  }
  return names.empty() ? "there are none" : "known are " + names;
}

/// The validator's two commonest sentences name a rule of JSON Schema; a reader wants the key, and what may stand there.
std::string why_text(const valijson::ValidationResults::Error& error, const json& schema) {
  const std::string& said = error.description;
  const json* rule = schema_at(schema, error.context);
  static const std::string before_key = "'additionalProperties' constraints: '";
  const size_t at = said.find(before_key);
  if (rule != nullptr && at != std::string::npos) {
    const size_t begin = at + before_key.size();
    return "unknown key '" + said.substr(begin, said.rfind('\'') - begin) + "'; " + known_keys(*rule);
  }
  if (rule != nullptr && said.starts_with("Value type not permitted") && rule->contains("type") && (*rule)["type"].is_string())
    return "must be of type " + (*rule)["type"].get<std::string>();
  return said;
}

void build(json& schema, valijson::Schema& into) {
  try {
    valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), into);
  } catch (const std::exception& e) {
    throw Error(Code::invalid_argument, e.what());
  }
}

void validate(json schema, const json& document) {
  check_patterns(schema, document, "");
  std::set<std::string> strings;
  collect_strings(document, strings);
  Rewriter(strings).schema(schema);
  valijson::Schema built;
  build(schema, built);
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(built, valijson::adapters::NlohmannJsonAdapter(document), &results)) return;
  const valijson::ValidationResults::Error* deepest = nullptr;
  for (const auto& error : results) {
    if (deepest == nullptr || error.context.size() > deepest->context.size()) deepest = &error;
  }
  std::string path = deepest ? path_text(deepest->context) : "";
  std::string why = deepest ? why_text(*deepest, schema) : "not valid";
  throw Error(Code::invalid_argument, (path.empty() ? "" : path + ": ") + base::printable(why, 300)).with_field(path);
}

}  // namespace

void check_schema(const Manifest& manifest) {
  try {
    json schema = base::parse_json(manifest.configuration_schema);
    Rewriter({}).schema(schema);
    valijson::Schema built;
    build(schema, built);
  } catch (const Error& e) {
    throw Error(Code::invalid_argument,
                manifest.library.string() + manifest_suffix + ": configurationSchema is no usable JSON Schema: " + e.what());
  }
}

void check_configuration(const Manifest& manifest, std::string_view config_json, std::string_view where) {
  check_schema(manifest);
  try {
    json document = base::parse_json(config_json);
    validate(base::parse_json(manifest.configuration_schema), document);
  } catch (const Error& e) {
    throw Error(Code::invalid_argument, std::string(where) + ": configuration of plugin '" + manifest.id + "': " + e.what())
        .with_field(e.field());
  }
}

}  // namespace operon::plugin

#include "core/plugin/manifest.hpp"

#include <re2/re2.h>

#include <nlohmann/json.hpp>
#include <set>

#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/plugin/loader.hpp"
#include "operon/error.hpp"

namespace operon::plugin {
namespace {

using nlohmann::json;

// As in api/schemas/plugin-manifest.json, which a test compares.
constexpr const char* id_pattern = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
constexpr const char* version_pattern = "[0-9]+\\.[0-9]+\\.[0-9]+([-+][0-9A-Za-z.+-]+)?";
constexpr const char* interface_pattern = "[a-z0-9][a-z0-9.-]*/[1-9][0-9]*";
constexpr const char* sha256_pattern = "[0-9a-f]{64}";
constexpr const char* group_pattern = "([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?|\\*";
constexpr const char* resource_pattern = "[a-z0-9]{1,63}(/[a-z0-9]{1,63})?|\\*";
constexpr const char* verb_pattern = "get|list|watch|create|update|patch|delete|deletecollection|\\*";
constexpr const char* namespace_pattern = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
constexpr size_t names_max = 64;        // interfaces, services; of each list of a permission
constexpr size_t permissions_max = 64;  // rules

class Reader {
 public:
  Reader(const json& object, const std::filesystem::path& file) : object_(object), file_(file) {}

  [[noreturn]] void refuse(const std::string& member, const std::string& why) const {
    throw Error(Code::invalid_argument, file_.string() + ": " + member + " " + why).with_field(member);
  }

  std::string text(const char* member) const {
    auto found = object_.find(member);
    if (found == object_.end()) return {};
    if (!found->is_string()) refuse(member, "is not a string");
    return found->get<std::string>();
  }

  std::string required(const char* member, const char* pattern, const char* what) const {
    if (!object_.contains(member)) refuse(member, "is missing");
    std::string value = text(member);
    if (!RE2::FullMatch(value, pattern)) refuse(member, std::string("is not ") + what);
    return value;
  }

  std::vector<std::string> names(const char* member) const {
    auto found = object_.find(member);
    if (found == object_.end()) return {};
    if (!found->is_array() || found->size() > names_max) refuse(member, "is not a list of at most " + std::to_string(names_max));
    std::vector<std::string> names;
    std::set<std::string> seen;
    for (const json& item : *found) {
      if (!item.is_string() || !RE2::FullMatch(item.get<std::string>(), interface_pattern)) {
        refuse(member, "has an item that is not of the form \"name/REVISION\"");
      }
      names.push_back(item.get<std::string>());
      if (!seen.insert(names.back()).second) refuse(member, "lists '" + names.back() + "' twice");
    }
    return names;
  }

  std::vector<Permission> permissions() const {
    auto found = object_.find("permissions");
    if (found == object_.end()) return {};
    if (!found->is_array() || found->size() > permissions_max) {
      refuse("permissions", "is not a list of at most " + std::to_string(permissions_max));
    }
    std::vector<Permission> rules;
    for (const json& item : *found) {
      const std::string at = "permissions[" + std::to_string(rules.size()) + "]";
      if (!item.is_object()) refuse(at, "is not an object");
      for (const auto& [name, value] : item.items()) {
        // What is ignored could be what was meant to narrow the rule.
        if (name != "apiGroups" && name != "resources" && name != "verbs" && name != "namespaces") refuse(at + "." + name, "is not known");
      }
      rules.push_back({words(item, at, "apiGroups", group_pattern, true), words(item, at, "resources", resource_pattern, true),
                       words(item, at, "verbs", verb_pattern, true), words(item, at, "namespaces", namespace_pattern, false)});
    }
    return rules;
  }

  std::string object(const char* member) const {
    auto found = object_.find(member);
    if (found == object_.end()) return "{}";
    if (!found->is_object()) refuse(member, "is not an object");
    return found->dump();
  }

  unsigned number(const json& from, const char* member) const {
    auto found = from.find(member);
    std::string name = std::string("abi.") + member;
    if (found == from.end()) refuse(name, "is missing");
    if (!found->is_number_unsigned() || found->get<uint64_t>() > 1'000'000) refuse(name, "is not a number");
    return found->get<unsigned>();
  }

 private:
  std::vector<std::string> words(const json& rule, const std::string& at, const char* member, const char* pattern, bool needed) const {
    const std::string name = at + "." + member;
    auto found = rule.find(member);
    if (found == rule.end() && !needed) return {};
    if (found == rule.end()) refuse(name, "is missing");
    // An empty list would be nothing for one reader and everything for another.
    if (!found->is_array() || found->empty() || found->size() > names_max) {
      refuse(name, "is not a list of 1 to " + std::to_string(names_max));
    }
    std::vector<std::string> all;
    for (const json& item : *found) {
      if (!item.is_string() || !RE2::FullMatch(item.get<std::string>(), pattern)) {
        refuse(name, "has " + base::printable(item.dump()) + ", which is not of the form " + pattern);
      }
      all.push_back(item.get<std::string>());
    }
    return all;
  }

  const json& object_;
  const std::filesystem::path& file_;
};

json parse(std::string_view text, const std::filesystem::path& file) {
  try {
    json all = base::parse_json(text);
    if (all.is_object()) return all;
  } catch (const Error& e) {
    throw Error(Code::invalid_argument, file.string() + ": not a manifest: " + e.what());
  }
  throw Error(Code::invalid_argument, file.string() + ": not a manifest: the top is not an object");
}

}  // namespace

Manifest parse_manifest(std::string_view text, const std::filesystem::path& file) {
  json all = parse(text, file);
  Reader reader(all, file);
  Manifest m;
  m.id = reader.required("id", id_pattern, "lower-case letters, digits and inner dashes, at most 63");
  m.version = reader.required("version", version_pattern, "a semantic version such as 1.2.3");
  m.title = reader.text("title");
  m.description = reader.text("description");
  m.license = reader.text("license");
  m.interfaces = reader.names("interfaces");
  if (m.interfaces.empty()) reader.refuse("interfaces", "is missing or empty");
  m.services = reader.names("services");
  m.permissions = reader.permissions();
  m.configuration_schema = reader.object("configurationSchema");
  m.attributes = reader.object("attributes");
  m.library_sha256 = reader.required("librarySha256", sha256_pattern, "64 lower-case hex digits");
  auto abi = all.find("abi");
  if (abi == all.end() || !abi->is_object()) reader.refuse("abi", "is missing or not an object");
  m.abi_major = reader.number(*abi, "major");
  m.abi_min_minor = reader.number(*abi, "minMinor");
  std::string name = file.string();
  if (name.ends_with(manifest_suffix)) m.library = name.substr(0, name.size() - std::string_view(manifest_suffix).size());
  return m;
}

}  // namespace operon::plugin

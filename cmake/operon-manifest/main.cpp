/// operon-manifest: writes <library>.manifest.json from a plugin's manifest.yaml, its schema.json and the library's SHA-256.
/// The shape is api/schemas/plugin-manifest.json.
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <stdexcept>

#include "yaml_json.hpp"

namespace {

using nlohmann::json;

/// Name and JSON type of what manifest.yaml may hold.
const std::map<std::string, std::string> known_members = {
    {"id", "string"},        {"version", "string"}, {"title", "string"},      {"description", "string"}, {"license", "string"},
    {"interfaces", "array"}, {"services", "array"}, {"permissions", "array"}, {"attributes", "object"},  {"abi", "object"}};

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in.is_open() || in.bad()) throw std::runtime_error(path + ": cannot be read");
  return content;
}

std::string sha256(const std::string& bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) throw std::runtime_error("SHA-256 failed");
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

void check_ids(const std::string& file, const json& manifest, const char* member) {
  static const std::regex interface_id("[a-z0-9][a-z0-9.-]*/[1-9][0-9]*");
  std::set<std::string> seen;
  for (const auto& id : manifest.value(member, json::array())) {
    if (!id.is_string() || !std::regex_match(id.get<std::string>(), interface_id)) {
      throw std::runtime_error(file + ": `" + member + "`: " + id.dump() + " is no id such as \"operon.job-runner/1\"");
    }
    if (!seen.insert(id).second) throw std::runtime_error(file + ": `" + member + "`: " + id.dump() + " is given twice");
  }
}

/// The whole check is the host's; here stops what an author gets wrong first.
void check_permissions(const std::string& file, const json& manifest) {
  static const std::set<std::string> members = {"apiGroups", "resources", "verbs", "namespaces"};
  for (const auto& rule : manifest.value("permissions", json::array())) {
    if (!rule.is_object())
      throw std::runtime_error(file + ": `permissions`: " + rule.dump() + " is not a map of apiGroups, resources and verbs");
    for (const auto& [name, list] : rule.items()) {
      if (!members.contains(name)) throw std::runtime_error(file + ": `permissions`: unknown member `" + name + "`");
      const bool texts =
          list.is_array() && !list.empty() && std::all_of(list.begin(), list.end(), [](const json& one) { return one.is_string(); });
      if (!texts) throw std::runtime_error(file + ": `permissions`: `" + name + "` must be a list of texts, not empty");
    }
    for (const char* name : {"apiGroups", "resources", "verbs"}) {
      if (!rule.contains(name)) throw std::runtime_error(file + ": `permissions`: a rule has no `" + name + "`");
    }
  }
}

json read_manifest(const std::string& file) {
  const json manifest = read_yaml(file);
  if (!manifest.is_object()) throw std::runtime_error(file + ": must be a map of members such as `id`");
  for (const auto& [name, value] : manifest.items()) {
    const auto known = known_members.find(name);
    if (known == known_members.end()) throw std::runtime_error(file + ": unknown member `" + name + "`");
    if (value.type_name() != known->second) {
      throw std::runtime_error(file + ": `" + name + "` must be of type " + known->second + ", not " + value.type_name());
    }
  }
  for (const char* name : {"id", "version", "interfaces"}) {
    if (!manifest.contains(name)) throw std::runtime_error(file + ": `" + name + "` is missing");
  }
  if (!std::regex_match(manifest["id"].get<std::string>(), std::regex("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"))) {
    throw std::runtime_error(file + ": `id` must be lower-case letters, digits and dashes, at most 63");
  }
  if (!std::regex_match(manifest["version"].get<std::string>(), std::regex("[0-9]+\\.[0-9]+\\.[0-9]+([-+][0-9A-Za-z.+-]+)?"))) {
    throw std::runtime_error(file + ": `version` must be a semantic version such as 1.0.0");
  }
  if (manifest["interfaces"].empty()) throw std::runtime_error(file + ": `interfaces` is empty");
  check_ids(file, manifest, "interfaces");
  check_ids(file, manifest, "services");
  check_permissions(file, manifest);
  return manifest;
}

json read_schema(const std::string& file) {
  if (file.empty()) return {{"type", "object"}, {"additionalProperties", false}};  // no schema: nothing to configure
  json schema;
  try {
    schema = json::parse(read_file(file));
  } catch (const json::exception& e) {
    throw std::runtime_error(file + ": " + e.what());
  }
  if (!schema.is_object()) throw std::runtime_error(file + ": a JSON Schema must be an object here");
  return schema;
}

json complete(json manifest, json schema, const std::string& library) {
  json abi = {{"major", 1}, {"minMinor", 0}};
  if (manifest.contains("abi")) abi.update(manifest["abi"]);
  manifest["abi"] = std::move(abi);
  for (const char* name : {"title", "description", "license"}) manifest.emplace(name, "");
  manifest.emplace("services", json::array());
  manifest.emplace("attributes", json::object());
  manifest["configurationSchema"] = std::move(schema);
  manifest["librarySha256"] = sha256(read_file(library));
  return manifest;
}

void write_file(const std::string& path, const std::string& content) {
  const std::string temporary = path + ".new";
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << content;
  out.close();
  if (!out || std::rename(temporary.c_str(), path.c_str()) != 0) throw std::runtime_error(path + ": cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {{"--manifest", ""}, {"--schema", ""}, {"--library", ""}, {"--output", ""}};
  bool usable = argc % 2 == 1;
  for (int i = 1; usable && i + 1 < argc; i += 2) {
    const auto option = options.find(argv[i]);
    usable = option != options.end();
    if (usable) option->second = argv[i + 1];
  }
  if (!usable || options["--manifest"].empty() || options["--library"].empty() || options["--output"].empty()) {
    std::cerr << "usage: operon-manifest --manifest FILE.yaml [--schema FILE.json] --library FILE.so --output FILE.json\n";
    return 2;
  }
  try {
    const json manifest = complete(read_manifest(options["--manifest"]), read_schema(options["--schema"]), options["--library"]);
    write_file(options["--output"], manifest.dump(2) + "\n");
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "operon-manifest: " << e.what() << "\n";
    return 1;
  }
}

#include "manifest.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "digest.hpp"
#include "operon/base64.hpp"
#include "operon/error.hpp"
#include "operon/scenario_image/bounded_json.hpp"

namespace registry_oci {

using nlohmann::json;
using operon::Code;
using operon::Error;

namespace {

[[noreturn]] void wrong(const std::string& what, const std::string& why) {
  throw Error(Code::data_loss, what + ": " + why);
}

const json* find(const json& object, const char* member) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(member);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_at(const json& object, const char* member) {
  const auto* found = find(object, member);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

int64_t size_at(const json& descriptor) {
  const auto* size = find(descriptor, "size");
  return size != nullptr && size->is_number_integer() ? std::max<int64_t>(size->get<int64_t>(), 0) : 0;
}

/// As much as a number can say: sizes are what somebody claims.
int64_t sum(int64_t a, int64_t b) {
  int64_t both = 0;
  return __builtin_add_overflow(a, b, &both) ? INT64_MAX : both;
}

std::string digest_at(const json& descriptor, const std::string& what) {
  std::string digest = text_at(descriptor, "digest");
  if (!is_digest(digest)) wrong(what, "a descriptor without a sha256 or sha512 digest");
  return digest;
}

const json& array_at(const json& object, const char* member, size_t max, const std::string& what) {
  const auto* found = find(object, member);
  if (found == nullptr || !found->is_array()) wrong(what, std::string("no manifest that is known here: '") + member + "' is no array");
  if (found->size() > max) wrong(what, std::string("more than ") + std::to_string(max) + " " + member);
  return *found;
}

Manifest read_index(const json& document, const std::string& what) {
  Manifest manifest;
  for (const auto& entry : array_at(document, "manifests", manifests_of_an_index_max, what)) {
    const json platform = find(entry, "platform") != nullptr ? *find(entry, "platform") : json::object();
    manifest.platforms.push_back({digest_at(entry, what), text_at(platform, "architecture"), text_at(platform, "os")});
  }
  if (manifest.platforms.empty()) wrong(what, "an index without manifests");
  return manifest;
}

Manifest read_image(const json& document, const std::string& what) {
  const auto* config = find(document, "config");
  if (config == nullptr) wrong(what, "a manifest without a configuration");
  Manifest manifest;
  manifest.config_digest = digest_at(*config, what);
  manifest.size = size_at(*config);
  for (const auto& layer : array_at(document, "layers", layers_max, what)) manifest.size = sum(manifest.size, size_at(layer));
  return manifest;
}

/// Labels of a container configuration.
void add_labels(const json& config, operon::scenario_image::Labels& labels) {
  const auto* all = find(config, "Labels");
  if (all == nullptr || !all->is_object()) return;
  for (const auto& [name, value] : all->items()) {
    if (value.is_string()) labels.emplace(name, value.get<std::string>());
  }
}

/// ["/bin/sh", "-c", "#(nop) ", "LABEL a=b"] as one text.
std::string command_of(const json& entry) {
  const auto* container = find(entry, "container_config");
  const auto* words = container != nullptr ? find(*container, "Cmd") : nullptr;
  std::string command;
  if (words == nullptr || !words->is_array()) return command;
  for (const auto& word : *words) {
    if (word.is_string()) command += (command.empty() ? "" : " ") + word.get<std::string>();
  }
  return command;
}

Manifest read_schema1(const json& document, const std::string& what) {
  Manifest manifest;
  manifest.config.emplace();
  for (const auto& item : array_at(document, "history", layers_max, what)) {  // newest first
    const json entry = parse_json(text_at(item, "v1Compatibility"), what + ": history");
    if (!manifest.config->created && !text_at(entry, "created").empty()) manifest.config->created = text_at(entry, "created");
    if (const auto* config = find(entry, "config")) add_labels(*config, manifest.config->labels);
    operon::scenario_image::add_labels_of_command(command_of(entry), manifest.config->labels);
  }
  return manifest;
}

std::string base64url_decode(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return operon::base64_decode(text).value_or("");
}

}  // namespace

json parse_json(std::string_view text, const std::string& what) {
  json value = operon::scenario_image::parse_bounded(text, json_depth_max, what, Code::data_loss);
  if (!value.is_object()) wrong(what, "no JSON object");
  return value;
}

Manifest read_manifest(std::string_view body, std::string_view media_type, const std::string& what) {
  const json document = parse_json(body, what);
  const std::string own = text_at(document, "mediaType");
  const std::string_view kind = own.empty() ? media_type : std::string_view(own);
  const auto* version = find(document, "schemaVersion");
  if (version != nullptr && *version == 1) return read_schema1(document, what);
  const bool index = kind.find("index") != kind.npos || kind.find("manifest.list") != kind.npos;
  return index || find(document, "manifests") != nullptr ? read_index(document, what) : read_image(document, what);
}

ImageConfig read_config(std::string_view body, const std::string& what) {
  const json document = parse_json(body, what);
  ImageConfig config;
  if (const auto created = text_at(document, "created"); !created.empty()) config.created = created;
  if (const auto* inner = find(document, "config")) add_labels(*inner, config.labels);
  return config;
}

const PlatformManifest& choose(const Manifest& index, std::string_view architecture) {
  const auto linux_of = [&](bool any) {
    return std::find_if(index.platforms.begin(), index.platforms.end(), [&](const PlatformManifest& p) {
      return (p.os.empty() || p.os == "linux") && (any ? p.architecture != "unknown" : p.architecture == architecture);
    });
  };
  for (const bool any : {false, true}) {
    if (const auto found = linux_of(any); found != index.platforms.end()) return *found;
  }
  return index.platforms.front();
}

std::string signed_part(std::string_view body) {
  if (body.find("\"signatures\"") == body.npos) return std::string(body);
  const json document = parse_json(body, "a signed manifest");
  const auto* version = find(document, "schemaVersion");
  const auto* signatures = find(document, "signatures");
  const bool of_schema1 = version != nullptr && *version == 1;
  if (!of_schema1 || signatures == nullptr || !signatures->is_array() || signatures->empty()) return std::string(body);
  const json about = parse_json(base64url_decode(text_at(signatures->front(), "protected")), "a manifest's signature");
  const auto* length = find(about, "formatLength");
  if (length == nullptr || !length->is_number_unsigned() || length->get<size_t>() > body.size()) return std::string(body);
  return std::string(body.substr(0, length->get<size_t>())) + base64url_decode(text_at(about, "formatTail"));
}

}  // namespace registry_oci

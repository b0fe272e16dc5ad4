#include "documents.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

#include "operon/error.hpp"
#include "operon/scenario_image/bounded_json.hpp"
#include "operon/scenario_image/names.hpp"

namespace registry_quay {

using nlohmann::json;
using operon::Code;
using operon::Error;
namespace si = operon::scenario_image;

namespace {

json parse(std::string_view body, const std::string& what) {
  json document = si::parse_bounded(body, json_depth_max, what, Code::data_loss);
  if (!document.is_object()) throw Error(Code::data_loss, what + " is no JSON object");
  return document;
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

bool flag_at(const json& object, const char* member) {
  const auto* found = find(object, member);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

/// From a list, whose manifests are JSON in a text.
std::string choose(const std::string& list, std::string_view architecture, const std::string& what) {
  const json document = parse(list, what + ": manifest_data");
  const auto* manifests = find(document, "manifests");
  std::string first;
  if (manifests != nullptr && manifests->is_array()) {
    for (const auto& entry : *manifests) {
      const std::string digest = text_at(entry, "digest");
      if (!si::is_digest(digest)) continue;
      if (first.empty()) first = digest;
      const auto* platform = find(entry, "platform");
      if (platform != nullptr && text_at(*platform, "architecture") == architecture) return digest;
    }
  }
  if (first.empty()) throw Error(Code::data_loss, what + ": a manifest list without manifests");
  return first;
}

}  // namespace

std::optional<std::string> rfc3339_of(std::string_view date) {
  const std::string text(date);
  std::tm time{};
  const char* zone = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S ", &time);
  if (zone == nullptr || std::strlen(zone) != 5 || (*zone != '+' && *zone != '-') ||
      !std::all_of(zone + 1, zone + 5, [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  std::array<char, 40> made{};
  std::strftime(made.data(), made.size(), "%Y-%m-%dT%H:%M:%S", &time);
  const std::string offset(zone);
  return made.data() + (offset.ends_with("0000") ? "Z" : offset.substr(0, 3) + ":" + offset.substr(3));
}

TagPage read_tags(std::string_view body, const std::string& what) {
  const json document = parse(body, what);
  const auto* tags = find(document, "tags");
  if (tags == nullptr || !tags->is_array()) throw Error(Code::data_loss, what + ": 'tags' is no array");
  TagPage page;
  page.more = flag_at(document, "has_additional");
  for (const auto& entry : *tags) {
    si::Tag tag;
    tag.name = text_at(entry, "name");
    const std::string digest = text_at(entry, "manifest_digest");
    if (!si::is_tag(tag.name) || !si::is_digest(digest)) continue;
    tag.digest = digest;
    tag.last_modified = rfc3339_of(text_at(entry, "last_modified"));
    if (const auto* size = find(entry, "size"); size != nullptr && size->is_number_integer() && size->get<int64_t>() >= 0)
      tag.size = size->get<int64_t>();
    page.tags.push_back(std::move(tag));
  }
  return page;
}

ManifestPage read_manifest(std::string_view body, std::string_view architecture, const std::string& what) {
  const json document = parse(body, what);
  ManifestPage page;
  if (flag_at(document, "is_manifest_list")) {
    page.digest = choose(text_at(document, "manifest_data"), architecture, what);
    return page;
  }
  const auto* layers = find(document, "layers");
  if (layers == nullptr || !layers->is_array()) return page;
  if (layers->size() > layers_max) throw Error(Code::data_loss, what + ": more than " + std::to_string(layers_max) + " layers");
  for (const auto& layer : *layers) {  // base to leaf
    const auto* command = find(layer, "command");
    if (command == nullptr) continue;
    std::string words;
    if (command->is_string()) words = command->get<std::string>();
    if (command->is_array()) {
      for (const auto& word : *command) {
        if (word.is_string()) words += (words.empty() ? "" : " ") + word.get<std::string>();
      }
    }
    si::add_labels_of_command(words, page.labels);
  }
  return page;
}

}  // namespace registry_quay

#include "quay.hpp"

#include <algorithm>
#include <set>

#include "documents.hpp"
#include "operon/error.hpp"
#include "operon/scenario_image/names.hpp"

namespace registry_quay {

using operon::Code;
using operon::Error;
using operon::scenario_image::Image;
using operon::scenario_image::Tag;

Quay::Quay(std::shared_ptr<operon::scenario_image::Transport> transport, QuayAddress address, std::string architecture, QuayLimits limits)
    : transport_(std::move(transport)), address_(std::move(address)), architecture_(std::move(architecture)), limits_(limits) {}

std::string Quay::where(const std::string& path) const {
  return address_.url + path.substr(0, path.find('?'));
}

std::string Quay::tags_path(const std::string& query) const {
  return "/api/v1/repository/" + address_.organisation + "/" + address_.repository + "/tag/?onlyActiveTags=true&" + query;
}

std::string Quay::get(const std::string& path, const Patience& patience) {
  operon::sdk::HttpRequest request;
  request.url = address_.url + path;
  request.headers["Accept"] = "application/json";
  request.timeout = limits_.request_ms_max;
  request.body_bytes_max = limits_.answer_bytes_max;
  request.ca_bundle = address_.ca_bundle;
  operon::sdk::HttpAnswer answer;
  try {
    answer = transport_->send(std::move(request), patience);
  } catch (const Error& e) {
    throw Error(e.code(), where(path) + ": " + e.what()).with_reason(e.reason());
  }
  if (answer.status == 404) throw Error(Code::not_found, where(path) + ": not there (404)");
  if (answer.status != 200) throw Error(Code::unavailable, where(path) + ": Quay answered " + std::to_string(answer.status));
  return std::move(answer.body);
}

std::vector<Tag> Quay::tags(const Patience& patience) {
  std::vector<Tag> all;
  std::set<std::string> names;
  for (unsigned page = 1;; ++page) {
    const std::string path = tags_path("limit=100&page=" + std::to_string(page));
    const TagPage read = read_tags(get(path, patience), where(path));
    const size_t before = all.size();
    for (const auto& tag : read.tags) {
      if (names.insert(tag.name).second) all.push_back(tag);
    }
    if (all.size() > limits_.tags_max)
      throw Error(Code::unavailable, where(path) + ": more than " + std::to_string(limits_.tags_max) + " tags (tags_max)");
    if (!read.more) break;
    // A page on which nothing can be used is followed by another; one that repeats the one before is not.
    const bool again = !read.tags.empty() && all.size() == before;
    if (again || page >= limits_.pages_max) throw Error(Code::data_loss, where(path) + ": its list of tags has no end");
  }
  std::sort(all.begin(), all.end(), [](const Tag& a, const Tag& b) { return a.name < b.name; });
  return all;
}

Tag Quay::tag_of(const std::string& name, const Patience& patience) {
  if (operon::scenario_image::is_tag(name)) {
    const std::string path = tags_path("limit=1&specificTag=" + name);
    for (auto& tag : read_tags(get(path, patience), where(path)).tags) {
      if (tag.name == name) return std::move(tag);
    }
  }
  throw Error(Code::not_found, "there is no such tag in " + address_.name()).with_field("name");
}

std::optional<std::string> Quay::digest_of_tag(const std::string& tag, const Patience& patience) {
  return tag_of(tag, patience).digest;
}

Image Quay::image(const std::string& tag_or_digest, const Patience& patience) {
  Image image;
  image.digest = operon::scenario_image::is_digest(tag_or_digest) ? tag_or_digest : *tag_of(tag_or_digest, patience).digest;
  const auto path_of = [&](const std::string& digest) {
    return "/api/v1/repository/" + address_.organisation + "/" + address_.repository + "/manifest/" + digest;
  };
  std::string path = path_of(image.digest);
  ManifestPage page = read_manifest(get(path, patience), architecture_, where(path));
  if (!page.digest.empty()) {
    path = path_of(page.digest);
    page = read_manifest(get(path, patience), architecture_, where(path));
    if (!page.digest.empty()) throw Error(Code::data_loss, where(path) + ": a manifest list within a manifest list");
  }
  image.labels = std::move(page.labels);
  return image;
}

}  // namespace registry_quay

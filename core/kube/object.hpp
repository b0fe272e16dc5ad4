/// core/kube/object.hpp: an object of the API in a cache: its text, trimmed, in one block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "operon/error.hpp"

namespace operon::kube {

/// Immutable. A parsed tree takes some ten times its text; this takes its text.
class Object {
 public:
  Object(std::string_view key, std::string_view uid, std::string_view resource_version, std::string_view json);

  std::string_view key() const { return {block_.get(), key_bytes_}; }  ///< "namespace/name", or "name"
  std::string_view name_space() const;
  std::string_view name() const;
  std::string_view uid() const { return {block_.get() + key_bytes_, uid_bytes_}; }
  std::string_view resource_version() const { return {block_.get() + key_bytes_ + uid_bytes_, version_bytes_}; }
  /// The trimmed object's text.
  std::string_view json() const { return {block_.get() + key_bytes_ + uid_bytes_ + version_bytes_, json_bytes_}; }
  nlohmann::json parse() const;
  /// What is at this JSON pointer (RFC 6901), as parse() has it; null when nothing is. A small part of what parse() costs when that is
  /// little.
  nlohmann::json at(std::string_view pointer) const;
  /// 0 when it is no number: then nothing is known about its age.
  uint64_t version() const { return version_; }

 private:
  std::unique_ptr<char[]> block_;
  uint64_t version_;
  uint32_t json_bytes_;
  uint16_t key_bytes_;
  uint8_t uid_bytes_, version_bytes_;
};

using ObjectPtr = std::shared_ptr<const Object>;

uint64_t version_number(std::string_view resource_version);

/// What of an object is kept. Paths are dotted ("status.phase"); a step's own dots are escaped "\.". Metadata's name, namespace, uid and
/// resourceVersion stay whatever is said.
struct Trim {
  std::vector<std::string> keep;  ///< empty = everything
  std::vector<std::string> drop = {"metadata.managedFields", "metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration"};
};

/// Not thread-safe: one a thread. Reuses its buffers.
class ObjectParser {
 public:
  explicit ObjectParser(const Trim&);
  ~ObjectParser();

  /// `json` must be followed by 64 readable bytes. Throws Error(data_loss) naming what is missing.
  ObjectPtr parse(std::string_view json);

  struct ListEnd {
    std::string resource_version, continue_token;
  };
  /// Every item of a list. One that cannot be taken in is handed to `skipped` with what is known of it, and the others come all the same.
  ListEnd parse_list(std::string_view json, const std::function<void(ObjectPtr)>& item,
                     const std::function<void(std::string_view name, const Error&)>& skipped);

  /// metadata.resourceVersion and whether a streaming list ends here: all there is in a bookmark.
  struct Bookmark {
    std::string resource_version;
    bool initial_events_end = false;
  };
  Bookmark parse_bookmark(std::string_view json);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::kube

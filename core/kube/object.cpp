#include "core/kube/object.hpp"

#include <simdjson.h>

#include <charconv>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/text.hpp"
#include "core/kube/json.hpp"

namespace operon::kube {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr size_t part_bytes_max = 65'535;

Error malformed(const std::string& why) {
  return Error(Code::data_loss, "an object of the API server cannot be used: " + why);
}

/// What happens to a member and what is below it.
struct Node {
  enum class Fate { keep, drop, inside };
  std::string name{};
  Fate fate = Fate::inside;
  std::vector<Node> children{};
  Fate otherwise = Fate::keep;  ///< members that are not among the children

  const Node* find(std::string_view wanted) const {
    for (const auto& child : children) {
      if (child.name == wanted) return &child;
    }
    return nullptr;
  }
};

std::vector<std::string> steps_of(const std::string& path) {
  std::vector<std::string> steps(1);
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '\\' && i + 1 < path.size()) {
      steps.back() += path[++i];
    } else if (path[i] == '.') {
      steps.emplace_back();
    } else {
      steps.back() += path[i];
    }
  }
  return steps;
}

void plant(Node& root, const std::string& path, Node::Fate fate, Node::Fate otherwise) {
  Node* at = &root;
  for (const auto& step : steps_of(path)) {
    if (at != &root && at->fate != Node::Fate::inside) {  // something above it is kept whole: look inside from now on
      at->otherwise = at->fate == Node::Fate::keep ? Node::Fate::keep : Node::Fate::drop;
      at->fate = Node::Fate::inside;
    }
    Node* next = const_cast<Node*>(at->find(step));
    if (next == nullptr) {
      at->children.push_back({step, Node::Fate::inside, {}, otherwise});
      next = &at->children.back();
    }
    at = next;
  }
  at->fate = fate;
}

Node tree_of(const Trim& trim) {
  Node root;
  if (!trim.keep.empty()) {
    root.otherwise = Node::Fate::drop;
    for (const auto& path : trim.keep) plant(root, path, Node::Fate::keep, Node::Fate::drop);
    for (const char* path : {"metadata.name", "metadata.namespace", "metadata.uid", "metadata.resourceVersion"}) {
      const Node* metadata = root.find("metadata");
      if (metadata == nullptr || metadata->fate == Node::Fate::inside) plant(root, path, Node::Fate::keep, Node::Fate::drop);
    }
  }
  for (const auto& path : trim.drop) {
    const Node* top = trim.keep.empty() ? &root : root.find(steps_of(path).front());
    if (top != nullptr) plant(root, path, Node::Fate::drop, Node::Fate::keep);
  }
  return root;
}

struct Meta {
  std::string name, name_space, uid, resource_version;
};

void note(Meta& meta, std::string_view key, std::string_view raw) {
  std::string* into = key == "name"              ? &meta.name
                      : key == "namespace"       ? &meta.name_space
                      : key == "uid"             ? &meta.uid
                      : key == "resourceVersion" ? &meta.resource_version
                                                 : nullptr;
  if (into == nullptr) return;
  if (raw.size() < 2 || raw.front() != '"' || raw.find('\\') != std::string_view::npos) throw malformed("its metadata is no plain text");
  into->assign(raw.substr(1, raw.size() - 2));
}

std::string_view raw_of(ondemand::value& value) {
  std::string_view raw = simdjson::to_json_string(value);
  while (!raw.empty() && (raw.back() == ' ' || raw.back() == '\n' || raw.back() == '\r' || raw.back() == '\t')) raw.remove_suffix(1);
  return raw;
}

/// Where in the whole object something stands.
enum class Place { top, metadata, below };

/// Copies what is wanted of an object; what its metadata says goes into `meta`.
void copy(ondemand::object object, const Node& node, std::string& out, Meta& meta, Place place);

void copy_member(ondemand::field& field, std::string_view key, const Node& node, std::string& out, Meta& meta, Place place) {
  static const Node everything;
  const Node* child = node.find(key);
  const auto fate = child ? child->fate : node.otherwise;
  const bool metadata = place == Place::top && key == "metadata";
  if (fate == Node::Fate::drop && !metadata && place != Place::metadata) return;
  ondemand::value value = field.value();
  const size_t before = out.size();
  if (out.back() != '{') out += ',';
  out += '"';
  out += key;
  out += "\":";
  if (metadata || (fate == Node::Fate::inside && value.type() == ondemand::json_type::object)) {
    copy(value.get_object(), child && child->fate == Node::Fate::inside ? *child : everything, out, meta,
         metadata ? Place::metadata : Place::below);
    return;
  }
  const auto raw = raw_of(value);
  if (place == Place::metadata) note(meta, key, raw);
  if (fate == Node::Fate::drop) {
    out.resize(before);
  } else {
    out += raw;
  }
}

void copy(ondemand::object object, const Node& node, std::string& out, Meta& meta, Place place) {
  out += '{';
  for (ondemand::field field : object) {
    // Keys go over as they stand, escapes included.
    const char* begin = field.key().raw();
    const char* end = begin;
    while (*end != '"') end += *end == '\\' ? 2 : 1;
    copy_member(field, {begin, static_cast<size_t>(end - begin)}, node, out, meta, place);
  }
  out += '}';
}

constexpr base::JsonLimits object_limits{16u << 20, 128, 2'000'000, true};

/// For looking into texts. A thread keeps one for texts of up to kept_bytes: it holds some multiple of the largest that it ever saw.
constexpr size_t kept_bytes = 16u << 10;

/// Keys of these are written as they are; others may be written in another way, which simdjson does not look for.
constexpr std::string_view plain_in_pointers = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/~-_.";

class Looking {
 public:
  nlohmann::json at(std::string_view json, std::string_view pointer) {
    text_.reserve(json.size() + simdjson::SIMDJSON_PADDING);
    text_ = json;
    ondemand::document document;
    ondemand::value there;
    if (const auto error = parser_.iterate(text_.data(), text_.size(), text_.capacity()).get(document)) {
      throw malformed(simdjson::error_message(error));
    }
    if (document.at_pointer(pointer).get(there) != simdjson::SUCCESS) return nullptr;
    try {
      if (there.type() == ondemand::json_type::string) return std::string_view(there.get_string());
      return parse_answer(raw_of(there), object_limits);
    } catch (const simdjson::simdjson_error& e) {
      throw malformed(e.what());
    }
  }

 private:
  std::string text_;
  ondemand::parser parser_;
};

std::string text_in(simdjson::simdjson_result<ondemand::value> value) {
  std::string_view text;
  return value.get_string().get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

}  // namespace

Object::Object(std::string_view key, std::string_view uid, std::string_view resource_version, std::string_view json)
    : version_(version_number(resource_version)),
      json_bytes_(static_cast<uint32_t>(json.size())),
      key_bytes_(static_cast<uint16_t>(key.size())),
      uid_bytes_(static_cast<uint8_t>(uid.size())),
      version_bytes_(static_cast<uint8_t>(resource_version.size())) {
  if (key.size() > part_bytes_max || uid.size() > 255 || resource_version.size() > 255 ||
      json.size() > std::numeric_limits<uint32_t>::max()) {
    throw malformed("its name, uid or resourceVersion is too long");
  }
  block_ = std::make_unique_for_overwrite<char[]>(key.size() + uid.size() + resource_version.size() + json.size());
  char* at = block_.get();
  for (const auto part : {key, uid, resource_version, json}) {
    std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
}

std::string_view Object::name_space() const {
  const auto slash = key().find('/');
  return slash == std::string_view::npos ? std::string_view() : key().substr(0, slash);
}

std::string_view Object::name() const {
  const auto slash = key().find('/');
  return slash == std::string_view::npos ? key() : key().substr(slash + 1);
}

nlohmann::json Object::parse() const {
  return parse_answer(json(), object_limits);
}

nlohmann::json Object::at(std::string_view pointer) const {
  if (pointer.find_first_not_of(plain_in_pointers) != std::string_view::npos) {
    const auto whole = parse();
    const nlohmann::json::json_pointer where{std::string(pointer)};
    return whole.contains(where) ? whole.at(where) : nlohmann::json();
  }
  thread_local Looking kept;
  if (json().size() <= kept_bytes) return kept.at(json(), pointer);
  return Looking().at(json(), pointer);
}

uint64_t version_number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

struct ObjectParser::Impl {
  explicit Impl(const Trim& trim) : tree(tree_of(trim)) {}

  ObjectPtr object_of(ondemand::object object) {
    Meta meta;
    text.clear();
    copy(object, tree, text, meta, Place::top);
    if (meta.name.empty()) throw malformed("metadata.name is missing");
    if (meta.resource_version.empty()) throw malformed(base::printable(meta.name, 80) + ": metadata.resourceVersion is missing");
    const std::string key = meta.name_space.empty() ? meta.name : meta.name_space + "/" + meta.name;
    return std::make_shared<const Object>(key, meta.uid, meta.resource_version, text);
  }

  const Node tree;
  ondemand::parser parser;
  std::string text;
};

ObjectParser::ObjectParser(const Trim& trim) : impl_(std::make_unique<Impl>(trim)) {}
ObjectParser::~ObjectParser() = default;

ObjectPtr ObjectParser::parse(std::string_view json) {
  try {
    auto document = impl_->parser.iterate(json.data(), json.size(), json.size() + simdjson::SIMDJSON_PADDING);
    return impl_->object_of(document.get_object());
  } catch (const simdjson::simdjson_error& e) {
    throw malformed(e.what());
  }
}

ObjectParser::ListEnd ObjectParser::parse_list(std::string_view json, const std::function<void(ObjectPtr)>& item,
                                               const std::function<void(std::string_view, const Error&)>& skipped) {
  try {
    ListEnd end;
    auto document = impl_->parser.iterate(json.data(), json.size(), json.size() + simdjson::SIMDJSON_PADDING);
    for (ondemand::field field : document.get_object()) {
      const std::string_view key = field.unescaped_key();
      if (key == "metadata") {
        ondemand::object metadata = field.value().get_object();
        end.continue_token = text_in(metadata["continue"]);
        end.resource_version = text_in(metadata["resourceVersion"]);
        continue;
      }
      if (key != "items" || field.value().type() != ondemand::json_type::array) continue;
      for (auto one : field.value().get_array()) {
        try {
          item(impl_->object_of(one.get_object()));
        } catch (const simdjson::simdjson_error& e) {
          if (e.error() != simdjson::INCORRECT_TYPE && e.error() != simdjson::NO_SUCH_FIELD) throw;
          skipped("", malformed(e.what()));
        } catch (const Error& e) {
          skipped("", e);
        }
      }
    }
    return end;
  } catch (const simdjson::simdjson_error& e) {
    throw Error(Code::data_loss, std::string("a list of the API server cannot be read: ") + e.what());
  }
}

ObjectParser::Bookmark ObjectParser::parse_bookmark(std::string_view json) {
  try {
    auto document = impl_->parser.iterate(json.data(), json.size(), json.size() + simdjson::SIMDJSON_PADDING);
    ondemand::object metadata = document.get_object().find_field_unordered("metadata").get_object();
    Bookmark bookmark;
    bookmark.resource_version = text_in(metadata["resourceVersion"]);
    ondemand::object annotations;
    if (metadata["annotations"].get_object().get(annotations) == simdjson::SUCCESS) {
      bookmark.initial_events_end = text_in(annotations["k8s.io/initial-events-end"]) == "true";
    }
    return bookmark;
  } catch (const simdjson::simdjson_error& e) {
    throw malformed(e.what());
  }
}

}  // namespace operon::kube

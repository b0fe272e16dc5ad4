#include "builder.hpp"

#include "operon/error.hpp"
#include "scalar.hpp"

namespace operon::yaml::detail {
namespace {

using nlohmann::json;

constexpr size_t pointer_bytes_max = 4'096;  // longer ones get no position of their own

bool is_core_tag(const std::string& tag, const char* name) {
  return tag == std::string("tag:yaml.org,2002:") + name;
}

}  // namespace

void Builder::fail(const YAML::Mark& mark, const std::string& what) const {
  std::string line = mark.is_null() ? "" : ":" + std::to_string(mark.line + 1);
  throw Error(Code::invalid_argument, document_.name + line + ": " + what);
}

void Builder::count(const YAML::Mark& mark, size_t nodes, size_t text_bytes) {
  size_.nodes += nodes;
  size_.text_bytes += text_bytes;
  if (size_.nodes > limits_.nodes_max)
    fail(mark, "more than " + std::to_string(limits_.nodes_max) + " values, aliases counted as what they stand for");
  if (size_.text_bytes > limits_.text_bytes_max) {
    fail(mark, "more than " + std::to_string(limits_.text_bytes_max) + " bytes of text, aliases counted as what they stand for");
  }
}

/// An escape ("\0") gives what prescan() refuses as a byte: nobody behind us takes a NUL in a text, neither JSON nor an argument list.
void Builder::check_text(const YAML::Mark& mark, const std::string& text) const {
  if (text.find('\0') != std::string::npos) fail(mark, "holds a NUL character");
}

void Builder::enter(const YAML::Mark& mark) {
  if (open_.empty()) {
    document_.positions.emplace("", Position{mark.line + 1, mark.column + 1});
    return;
  }
  const Open& parent = open_.back();
  bool list = parent.value.is_array();
  pointer_ += list ? "/" + std::to_string(parent.value.size()) : pointer_step(parent.key);
  if (list && pointer_.size() <= pointer_bytes_max) document_.positions.emplace(pointer_, Position{mark.line + 1, mark.column + 1});
}

void Builder::key(const YAML::Mark& mark, const std::string& text) {
  Open& map = open_.back();
  count(mark, 1, text.size());
  if (text == "<<") fail(mark, "merge keys (<<) are not taken; write the members out");
  if (map.value.contains(text)) fail(mark, "the key '" + text.substr(0, 80) + "' is given twice");
  map.key = text;
  map.has_key = true;
  std::string pointer = pointer_ + pointer_step(text);
  if (pointer.size() <= pointer_bytes_max) document_.positions.emplace(std::move(pointer), Position{mark.line + 1, mark.column + 1});
}

void Builder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  if (expects_key()) return key(mark, "");
  count(mark, 1, 0);
  size_t before = pointer_.size();
  enter(mark);
  remember(anchor, nullptr, {1, 0});
  put(nullptr);
  leave(before);
}

void Builder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  auto found = anchors_.find(anchor);
  if (found == anchors_.end()) fail(mark, "an alias inside of what it stands for");
  const Anchored& target = found->second;
  if (expects_key()) {
    if (!target.value.is_string()) fail(mark, "a key must be a scalar");
    return key(mark, target.value.get<std::string>());
  }
  count(mark, target.size.nodes, target.size.text_bytes);
  size_t before = pointer_.size();
  enter(mark);
  put(target.value);
  leave(before);
}

void Builder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) {
  check_text(mark, text);
  if (expects_key()) {
    remember(anchor, text, {1, text.size()});
    return key(mark, text);
  }
  count(mark, 1, text.size());
  json value;
  if (tag == "!" || is_core_tag(tag, "str")) {
    value = text;
  } else if (tag.empty() || tag == "?" || is_core_tag(tag, "null") || is_core_tag(tag, "bool") || is_core_tag(tag, "int") ||
             is_core_tag(tag, "float")) {
    value = plain_value(text, scalars_);
  } else {
    fail(mark, "a tag that is not known");
  }
  size_t before = pointer_.size();
  enter(mark);
  remember(anchor, value, {1, text.size()});
  put(std::move(value));
  leave(before);
}

void Builder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  begin(mark, json::value_t::array, is_core_tag(tag, "seq") ? "" : tag, anchor);
}

void Builder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  begin(mark, json::value_t::object, is_core_tag(tag, "map") ? "" : tag, anchor);
}

void Builder::begin(const YAML::Mark& mark, json::value_t kind, const std::string& tag, YAML::anchor_t anchor) {
  if (expects_key()) fail(mark, "a key must be a scalar");
  if (open_.size() >= limits_.depth_max) fail(mark, "nested deeper than " + std::to_string(limits_.depth_max));
  if (!tag.empty() && tag != "?" && tag != "!") fail(mark, "a tag that is not known");
  Size before = size_;
  count(mark, 1, 0);
  size_t pointer_size = pointer_.size();
  enter(mark);
  open_.push_back({json(kind), anchor, before, {}, false, pointer_size});
}

void Builder::end() {
  Open done = std::move(open_.back());
  open_.pop_back();
  remember(done.anchor, done.value, {size_.nodes - done.before.nodes, size_.text_bytes - done.before.text_bytes});
  leave(done.pointer_size);
  put(std::move(done.value));
}

void Builder::put(json value) {
  if (open_.empty()) {
    document_.value = std::move(value);
    return;
  }
  Open& parent = open_.back();
  if (parent.value.is_array()) {
    parent.value.push_back(std::move(value));
    return;
  }
  parent.value[parent.key] = std::move(value);
  parent.has_key = false;
}

void Builder::remember(YAML::anchor_t anchor, const json& value, Size size) {
  if (anchor == 0) return;
  // The copy costs as much as an alias would, and is counted like one: anchors within anchors would else be copied depth times uncounted.
  count(YAML::Mark::null_mark(), size.nodes, size.text_bytes);
  anchors_[anchor] = {value, size};
}

}  // namespace operon::yaml::detail

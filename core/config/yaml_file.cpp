#include "core/config/yaml_file.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <sstream>

#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::config {
namespace {

/// Builds the tree from the parser's events: nothing is expanded before it is counted, so an alias bomb costs `nodes_max` at most.
class Builder : public YAML::EventHandler {
 public:
  Builder(const std::string& name, const YamlLimits& limits) : name_(name), limits_(limits) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Tree tree;
    tree.where = place(mark);
    add(std::move(tree), anchor, mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(mark, "an alias inside of what it stands for");
    count(found->second, mark);
    add(Tree(found->second), 0, mark, true);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    if (value.find('\0') != std::string::npos) fail(mark, "holds a NUL character; no path and no setting may");
    if (open_.empty() || !expects_key()) {
      add(Tree::scalar(value, place(mark), tag == "!" || tag.ends_with(":str")), anchor, mark);
      return;
    }
    auto& map = open_.back();
    if (value == "<<") fail(mark, "merge keys are not supported; write the members out");
    if (map.tree.find(value) != nullptr) fail(mark, "\"" + base::printable(value) + "\" is given twice");
    count(1, value.size(), mark);
    map.tree.members.push_back({value, place(mark), Tree{}});
    map.has_key = true;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    begin(Tree::list(place(mark)), anchor, mark);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    begin(Tree::map(place(mark)), anchor, mark);
  }
  void OnMapEnd() override { end(); }

  Tree take() { return std::move(root_); }

 private:
  struct Open {
    Tree tree;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
  };

  std::string place(const YAML::Mark& mark) const { return name_ + ":" + std::to_string(mark.line + 1); }
  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& what) const {
    throw Error(Code::invalid_argument, place(mark) + ": " + what);
  }
  bool expects_key() const { return open_.back().tree.kind == Tree::Kind::map && !open_.back().has_key; }

  void count(const Tree& tree, const YAML::Mark& mark) {
    count(1, tree.text.size(), mark);
    for (const auto& item : tree.items) count(item, mark);
    for (const auto& member : tree.members) {
      count(1, member.name.size(), mark);
      count(member.value, mark);
    }
  }
  void count(size_t nodes, size_t text_bytes, const YAML::Mark& mark) {
    nodes_ += nodes;
    text_bytes_ += text_bytes;
    if (nodes_ > limits_.nodes_max) {
      fail(mark, "more than " + std::to_string(limits_.nodes_max) + " values, with aliases written out; is this a configuration?");
    }
    if (text_bytes_ > limits_.text_bytes_max) {
      fail(mark, "more than " + base::bytes_text(limits_.text_bytes_max) + " of text, with aliases written out; is this a configuration?");
    }
  }
  void begin(Tree tree, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (!open_.empty() && expects_key()) fail(mark, "a key must be a plain word");
    if (open_.size() >= limits_.depth_max) fail(mark, "nested deeper than " + std::to_string(limits_.depth_max) + " levels");
    count(tree, mark);
    open_.push_back({std::move(tree), anchor, false});
  }
  void end() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.tree), done.anchor, YAML::Mark::null_mark(), true);
  }
  void add(Tree tree, YAML::anchor_t anchor, const YAML::Mark& mark, bool counted = false) {
    if (!counted) count(tree, mark);
    if (anchor != 0) anchors_[anchor] = tree;
    if (open_.empty()) {
      root_ = std::move(tree);
      return;
    }
    auto& parent = open_.back();
    if (parent.tree.kind == Tree::Kind::list) {
      parent.tree.items.push_back(std::move(tree));
      return;
    }
    if (!parent.has_key) fail(mark, "a key must be a plain word");
    parent.tree.members.back().value = std::move(tree);
    parent.has_key = false;
  }

  const std::string& name_;
  const YamlLimits& limits_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Tree> anchors_;
  Tree root_;
  size_t nodes_ = 0;
  size_t text_bytes_ = 0;
};

}  // namespace

Tree parse_yaml(std::string_view text, const std::string& name, const YamlLimits& limits) {
  if (text.size() > limits.bytes_max) {
    throw Error(Code::invalid_argument, name + ": larger than " + base::bytes_text(limits.bytes_max));
  }
  if (!base::is_utf8(text)) throw Error(Code::invalid_argument, name + ": not valid UTF-8");
  std::istringstream stream{std::string(text)};
  Builder builder(name, limits);
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return Tree::map(name + ":1");
    Builder second(name, limits);
    if (parser.HandleNextDocument(second)) throw Error(Code::invalid_argument, name + ": several documents; only one is read");
  } catch (const YAML::Exception& e) {
    throw Error(Code::invalid_argument, name + ":" + std::to_string(e.mark.line + 1) + ": not YAML: " + e.msg);
  }
  return builder.take();
}

}  // namespace operon::config

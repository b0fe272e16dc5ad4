#include "core/config/tree.hpp"

#include <nlohmann/json.hpp>

#include "core/config/values.hpp"
#include "operon/error.hpp"

namespace operon::config {
namespace {

constexpr int list_items_max = 10000;

nlohmann::ordered_json json_of(const Tree& tree) {
  switch (tree.kind) {
    case Tree::Kind::null:
      return nullptr;
    case Tree::Kind::scalar:
      return scalar_json(tree.text, tree.quoted);
    case Tree::Kind::list: {
      auto list = nlohmann::ordered_json::array();
      for (const auto& item : tree.items) list.push_back(json_of(item));
      return list;
    }
    case Tree::Kind::map: {
      auto map = nlohmann::ordered_json::object();
      for (const auto& member : tree.members) map[member.name] = json_of(member.value);
      return map;
    }
  }
  return nullptr;
}

Tree& descend(Tree& tree, const PathStep& step, const std::string& where, const Path& path) {
  if (step.index < 0) {
    if (tree.kind == Tree::Kind::null) tree.kind = Tree::Kind::map;
    if (tree.kind != Tree::Kind::map) {
      throw Error(Code::invalid_argument,
                  where + ": " + path_text(path) + ": \"" + step.name + "\" is asked of something that is not a map");
    }
    return tree.member(step.name, where);
  }
  if (tree.kind == Tree::Kind::null) tree.kind = Tree::Kind::list;
  if (tree.kind != Tree::Kind::list) {
    throw Error(Code::invalid_argument, where + ": " + path_text(path) + ": an index is given for something that is not a list");
  }
  const auto index = static_cast<size_t>(step.index);
  if (index > tree.items.size() || step.index >= list_items_max) {
    throw Error(Code::invalid_argument, where + ": " + path_text(path) + ": the list has " + std::to_string(tree.items.size()) +
                                            " entries; the index may be at most that (to append)");
  }
  if (index == tree.items.size()) {
    tree.items.emplace_back();
    tree.items.back().where = where;
  }
  return tree.items[index];
}

}  // namespace

Tree Tree::scalar(std::string text, std::string where, bool quoted) {
  Tree tree;
  tree.kind = Kind::scalar;
  tree.text = std::move(text);
  tree.quoted = quoted;
  tree.where = std::move(where);
  return tree;
}

Tree Tree::map(std::string where) {
  Tree tree;
  tree.kind = Kind::map;
  tree.where = std::move(where);
  return tree;
}

Tree Tree::list(std::string where) {
  Tree tree;
  tree.kind = Kind::list;
  tree.where = std::move(where);
  return tree;
}

const Tree* Tree::find(std::string_view name) const {
  for (const auto& member : members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

Tree* Tree::find(std::string_view name) {
  return const_cast<Tree*>(std::as_const(*this).find(name));
}

Tree& Tree::member(std::string_view name, const std::string& place) {
  if (Tree* found = find(name)) return *found;
  members.push_back({std::string(name), place, Tree{}});
  members.back().value.where = place;
  return members.back().value;
}

void Tree::erase(std::string_view name) {
  std::erase_if(members, [&](const TreeMember& member) { return member.name == name; });
}

Path path_of(std::string_view dotted_key) {
  Path path;
  while (true) {
    const auto dot = dotted_key.find('.');
    path.push_back({std::string(dotted_key.substr(0, dot)), -1});
    if (dot == std::string_view::npos) return path;
    dotted_key.remove_prefix(dot + 1);
  }
}

std::string path_text(const Path& path) {
  std::string text;
  for (const auto& step : path) {
    if (step.index >= 0) {
      text += "[" + std::to_string(step.index) + "]";
      continue;
    }
    if (!text.empty()) text += '.';
    for (char c : step.name) {
      if (c == '.') text += '\\';
      text += c;
    }
  }
  return text;
}

void put(Tree& root, const Path& path, Tree value) {
  const std::string where = value.where;
  Tree* at = &root;
  for (size_t i = 0; i + 1 < path.size(); ++i) at = &descend(*at, path[i], where, path);
  const auto& last = path.back();
  if (value.kind == Tree::Kind::null && last.index < 0) {
    if (at->kind == Tree::Kind::map) at->erase(last.name);
    return;
  }
  descend(*at, last, where, path) = std::move(value);
}

const Tree* look_up(const Tree& root, std::string_view dotted_key) {
  const Tree* at = &root;
  for (const auto& step : path_of(dotted_key)) {
    if (at->kind != Tree::Kind::map) return nullptr;
    at = at->find(step.name);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string to_json(const Tree& tree) {
  return json_of(tree).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace operon::config

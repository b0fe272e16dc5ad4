/// core/config/tree.hpp: configuration before it has types: a value, its members, and the place each came from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace operon::config {

struct TreeMember;

/// A scalar keeps its text; `quoted` tells "8080" from 8080. Order of members is the order of the file.
struct Tree {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  std::string text;
  bool quoted = false;
  std::string where;  ///< "operond.yaml:12", "flag --listen", "environment OPERON_LISTEN"
  std::vector<Tree> items;
  std::vector<TreeMember> members;

  static Tree scalar(std::string text, std::string where, bool quoted = false);
  static Tree map(std::string where);
  static Tree list(std::string where);

  const Tree* find(std::string_view name) const;
  Tree* find(std::string_view name);
  /// The member of that name, made (null) when absent. A null turns into a map.
  Tree& member(std::string_view name, const std::string& where);
  void erase(std::string_view name);
};

struct TreeMember {
  std::string name;
  std::string where;
  Tree value;
};

/// One step of a path: a member's name, or a list index when `index` >= 0.
struct PathStep {
  std::string name;
  int index = -1;
};
using Path = std::vector<PathStep>;

/// "rest.tls.cert" -> its steps; no escapes, no indexes.
Path path_of(std::string_view dotted_key);
/// "plugins.a\.b.config.x[0]"
std::string path_text(const Path&);

/// Puts `value` at the path, making maps and lists on the way; a null value removes the member. Throws Error(invalid_argument) when
/// something on the way is neither, or when an index is not within the list or its end.
void put(Tree& root, const Path&, Tree value);
/// Null when there is nothing.
const Tree* look_up(const Tree& root, std::string_view dotted_key);

/// JSON text. Unquoted scalars become null, booleans and numbers by the rules of YAML 1.2's core schema; everything else is a string.
std::string to_json(const Tree&);

}  // namespace operon::config

#include "core/config/load.hpp"

#include <filesystem>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/config/decode.hpp"
#include "core/config/options.hpp"
#include "core/config/yaml_file.hpp"
#include "operon/error.hpp"

namespace operon::config {
namespace {

constexpr std::string_view embedded = "embedded default";

/// The defaults that a path of --set may reach into: lists and maps.
Tree embedded_tree(const Surroundings& around) {
  const std::string where(embedded);
  auto root = Tree::map(where);
  auto& listen = root.member("listen", where);
  listen = Tree::list(where);
  for (const auto& address : Settings{}.listen) listen.items.push_back(Tree::scalar(address, where));
  auto& plugins = root.member("plugins", where);
  plugins = Tree::map(where);
  for (const char* name : {"target-file", "registry-dir", "registry-oci", "runner-process"}) plugins.member(name, where) = Tree::map(where);
  auto& config = plugins.find("registry-dir")->member("config", where);
  config = Tree::map(where);
  config.member("path", where) = Tree::scalar(default_scenario_dir(around).string(), where, true);
  return root;
}

void lay_over(Tree& below, Tree above, bool top);

/// A file's `plugins` says which instances there are, all of them: a host must not get instances that its file never named. One that bears
/// an embedded name starts from the embedded configuration, so that `registry-dir:` alone finds its scenarios.
void lay_plugins(Tree& below, Tree above) {
  if (below.kind == Tree::Kind::map && above.kind == Tree::Kind::map) {
    for (auto& member : above.members) {
      const Tree* plugin = member.value.find("plugin");
      Tree* embedded_one = below.find(member.name);
      if (embedded_one == nullptr || (plugin != nullptr && plugin->text != member.name)) continue;
      Tree joined = *embedded_one;
      if (member.value.kind != Tree::Kind::null) lay_over(joined, std::move(member.value), false);
      member.value = std::move(joined);
    }
  }
  below = std::move(above);
}

/// Maps are joined, everything else is replaced.
void lay_over(Tree& below, Tree above, bool top) {
  if (below.kind != Tree::Kind::map || above.kind != Tree::Kind::map) {
    below = std::move(above);
    return;
  }
  below.where = above.where;
  for (auto& member : above.members) {
    Tree* old = below.find(member.name);
    if (old == nullptr) {
      below.members.push_back(std::move(member));
    } else if (top && member.name == "plugins") {
      lay_plugins(*old, std::move(member.value));
    } else if (member.value.kind != Tree::Kind::null) {
      lay_over(*old, std::move(member.value), false);
    }
  }
}

void assign(Tree& root, Assignment assignment, std::vector<std::string>& problems) {
  try {
    put(root, assignment.path, std::move(assignment.value));
  } catch (const Error& e) {
    problems.emplace_back(e.what());
  }
}

Tree from_environment(const Option& option, const std::string& text, const std::string& name) {
  const std::string where = "environment " + name;
  if (!option.is_list()) return Tree::scalar(text, where);
  auto list = Tree::list(where);
  size_t begin = 0;
  while (begin <= text.size()) {
    const auto comma = std::min(text.find(',', begin), text.size());
    if (comma > begin) list.items.push_back(Tree::scalar(text.substr(begin, comma - begin), where));
    begin = comma + 1;
  }
  return list;
}

void set_port(Tree& root, const std::string& port, const std::string& where, std::vector<std::string>& problems) {
  Tree* listen = root.find("listen");
  Tree* first = listen;
  if (listen != nullptr && listen->kind == Tree::Kind::list) first = listen->items.empty() ? nullptr : &listen->items.front();
  auto address = first == nullptr ? std::nullopt : parse_address(first->text);
  if (!address) return;  // the address itself is the problem, and is reported
  const auto checked = parse_address("h:" + port);
  if (!checked) {
    problems.push_back(where + ": \"" + base::printable(port) + "\" is not a port number");
    return;
  }
  address->port = checked->port;
  *first = Tree::scalar(address_text(*address), where);
}

void lay_environment(Tree& root, const Surroundings& around, std::vector<std::string>& problems) {
  for (const auto& option : options()) {
    std::vector<std::string> names{option.environment()};
    names.insert(names.end(), option.environment_aliases.begin(), option.environment_aliases.end());
    for (const auto& name : names) {
      const auto text = around.variable(name);
      if (text.empty()) continue;
      assign(root, {path_of(option.key), from_environment(option, text, name)}, problems);
      break;
    }
  }
  const std::string port_name(api_port_environment);
  const auto port = around.variable(port_name);
  if (!port.empty() && around.variable(find_option("listen")->environment()).empty()) {
    set_port(root, port, "environment " + port_name, problems);
  }
}

void lay_file(Tree& root, const std::string& file, std::vector<std::string>& problems) {
  try {
    const YamlLimits limits;
    lay_over(root, parse_yaml(base::read_file(file, limits.bytes_max), file, limits), true);
  } catch (const Error& e) {
    problems.emplace_back(e.what());
  }
}

std::string absolute(const std::string& path) {
  if (path.empty()) return path;
  std::error_code failed;
  const auto full = std::filesystem::absolute(path, failed);
  return failed ? path : full.lexically_normal().string();
}

void fill_places(Settings& settings, const Surroundings& around, std::vector<std::string>& problems) {
  if (settings.state_dir.empty()) settings.state_dir = default_state_dir(around).string();
  if (settings.state_dir.empty()) {
    problems.emplace_back("state_dir: there is no home folder to keep state in; give --state-dir DIR");
  }
  settings.state_dir = absolute(settings.state_dir);
  if (settings.plugin_dirs.empty()) settings.plugin_dirs = default_plugin_dirs(around);
  for (auto& dir : settings.plugin_dirs) dir = absolute(dir);
  for (auto* path : {&settings.rest.token_file, &settings.rest.tls.cert, &settings.rest.tls.key, &settings.rest.tls.client_ca,
                     &settings.metrics.tls.cert, &settings.metrics.tls.key, &settings.metrics.tls.client_ca, &settings.net.ca_bundle}) {
    *path = absolute(*path);
  }
}

/// The embedded names count as long as the instances are there.
void fill_defaults(Settings& settings) {
  const auto have = [&](std::string_view name) {
    for (const auto& plugin : settings.plugins) {
      if (plugin.name == name) return true;
    }
    return false;
  };
  if (settings.defaults.registry.empty() && have("registry-dir")) settings.defaults.registry = "registry-dir";
  if (settings.defaults.runner.empty() && have("runner-process")) settings.defaults.runner = "runner-process";
}

std::string where_of(const Tree& root, std::string_view key, std::string_view entry) {
  const Tree* value = look_up(root, key);
  if (value == nullptr || value->where == embedded) return {};
  for (const auto& item : value->items) {
    if (item.text == entry) return item.where;
  }
  return value->where;
}

}  // namespace

Loaded load(const CommandLine& line, const Surroundings& around) {
  Loaded loaded;
  Tree root = embedded_tree(around);
  const std::string file = line.config_file.empty() ? around.variable("OPERON_CONFIG") : line.config_file;
  if (!file.empty()) lay_file(root, file, loaded.problems);
  lay_environment(root, around, loaded.problems);
  for (const auto& flag : line.flags) assign(root, flag, loaded.problems);
  if (!line.api_port.empty()) set_port(root, line.api_port, "flag " + std::string(api_port_flag), loaded.problems);
  for (const auto& set : line.sets) assign(root, set, loaded.problems);

  loaded.settings = decode(root, loaded.problems);
  loaded.settings.config_file = absolute(file);
  fill_places(loaded.settings, around, loaded.problems);
  fill_defaults(loaded.settings);
  if (loaded.problems.empty())
    check(
        loaded.settings, [&](auto key, auto entry) { return where_of(root, key, entry); }, loaded.problems);
  for (const auto& option : options()) {
    const bool idle = option.needs_cluster && loaded.settings.targets.store == "local";
    const Tree* value = idle ? look_up(root, option.key) : nullptr;
    if (value == nullptr) continue;
    loaded.notices.push_back(value->where + ": " + option.key + " has no effect on a host without a cluster");
  }
  return loaded;
}

}  // namespace operon::config

#include "core/config/decode.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/config/options.hpp"

namespace operon::config {
namespace {

constexpr size_t instance_name_bytes_max = 63;

std::string in_quotes(std::string_view text) {
  return "\"" + base::printable(text) + "\"";
}

std::string suggestion(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + in_quotes(names[i]);
  return text;
}

const char* kind_text(const Tree& tree) {
  switch (tree.kind) {
    case Tree::Kind::null:
      return "nothing";
    case Tree::Kind::scalar:
      return "a single value";
    case Tree::Kind::list:
      return "a list";
    case Tree::Kind::map:
      return "a map";
  }
  return "";
}

/// Every key of the file that is not an option, with what it may have been meant to be.
class KeyCheck {
 public:
  explicit KeyCheck(std::vector<std::string>& problems) : problems_(problems) {
    for (const auto& option : options()) keys_.push_back(option.key);
    keys_.emplace_back("plugins");
  }

  void walk(const Tree& map, const std::string& prefix) {
    for (const auto& member : map.members) {
      const std::string key = prefix.empty() ? member.name : prefix + "." + member.name;
      if (key == "plugins" || find_option(key) != nullptr) continue;
      const bool section = std::any_of(keys_.begin(), keys_.end(), [&](const std::string& known) { return known.starts_with(key + "."); });
      if (!section) {
        problems_.push_back(member.where + ": unknown key " + in_quotes(key) + did_you_mean(prefix, member.name, key));
      } else if (member.value.kind == Tree::Kind::map) {
        walk(member.value, key);
      } else if (member.value.kind != Tree::Kind::null) {
        problems_.push_back(member.where + ": " + key + " is a section of the configuration, not " + kind_text(member.value));
      }
    }
  }

 private:
  std::string did_you_mean(const std::string& prefix, const std::string& name, const std::string& key) const {
    std::vector<std::string> siblings;
    std::vector<std::string> elsewhere;
    const std::string begin = prefix.empty() ? "" : prefix + ".";
    for (const auto& known : keys_) {
      if (known.ends_with("." + name)) elsewhere.push_back(known);
      if (!known.starts_with(begin)) continue;
      const std::string segment = known.substr(begin.size(), known.find('.', begin.size()) - begin.size());
      if (std::find(siblings.begin(), siblings.end(), segment) == siblings.end()) siblings.push_back(segment);
    }
    auto near = base::nearest(name, siblings);
    for (auto& word : near) word = begin + word;
    if (near.empty()) near = elsewhere;
    if (near.empty()) near = base::nearest(key, keys_);
    if (near.size() > 3) near.resize(3);
    return near.empty() ? "; operond --help lists every key" : "; did you mean " + suggestion(near) + "?";
  }

  std::vector<std::string>& problems_;
  std::vector<std::string> keys_;
};

/// Puts one value into its slot.
class Filler {
 public:
  Filler(const Option& option, std::vector<std::string>& problems) : option_(option), problems_(problems) {}

  void operator()(const Tree& value, std::string* into) const {
    if (!scalar(value)) return;
    if (auto text = string(value, value.text)) *into = *text;
  }
  void operator()(const Tree& value, bool* into) const {
    if (!scalar(value)) return;
    if (auto flag = parse_boolean(value.text)) {
      *into = *flag;
    } else {
      problem(value, in_quotes(value.text) + " is neither true nor false");
    }
  }
  void operator()(const Tree& value, int64_t* into) const {
    if (!scalar(value)) return;
    const auto number = parse_number(value.text, option_.unit);
    if (!number) {
      problem(value, in_quotes(value.text) + " is not " + number_words());
    } else if (*number < option_.min || *number > option_.max) {
      problem(value, number_text(*number, option_.unit) + " is outside of what is allowed: " + number_text(option_.min, option_.unit) +
                         " to " + number_text(option_.max, option_.unit));
    } else {
      *into = *number;
    }
  }
  void operator()(const Tree& value, std::vector<std::string>* into) const {
    std::vector<std::string> list;
    if (value.kind == Tree::Kind::scalar) {
      if (auto text = string(value, value.text)) list.push_back(*text);
    } else if (value.kind == Tree::Kind::list) {
      for (const auto& item : value.items) {
        if (item.kind != Tree::Kind::scalar) {
          problem(item, std::string("must be a list of single values, and has ") + kind_text(item));
        } else if (auto text = string(item, item.text)) {
          list.push_back(*text);
        }
      }
    } else {
      problem(value, std::string("must be a value or a list, not ") + kind_text(value));
    }
    *into = std::move(list);
  }

 private:
  void problem(const Tree& value, const std::string& what) const { problems_.push_back(value.where + ": " + option_.key + ": " + what); }

  bool scalar(const Tree& value) const {
    if (value.kind != Tree::Kind::scalar) problem(value, std::string("must be a single value, not ") + kind_text(value));
    return value.kind == Tree::Kind::scalar;
  }

  std::optional<std::string> string(const Tree& value, const std::string& text) const {
    if (!option_.choices.empty() && std::find(option_.choices.begin(), option_.choices.end(), text) == option_.choices.end()) {
      problem(value, in_quotes(text) + " is none of " + suggestion(option_.choices));
      return std::nullopt;
    }
    if (option_.form == Form::channel && text.starts_with("unix:") && text.size() > 5) return text;
    if (option_.form != Form::address && option_.form != Form::channel) return text;
    if (text.empty() || text == "0") {
      if (!option_.is_list()) return std::string();
    } else if (const auto address = parse_address(text)) {
      return address_text(*address);
    }
    problem(value, in_quotes(text) + " is not an address like 127.0.0.1:8080, [::1]:8080 or :8080");
    return std::nullopt;
  }

  std::string number_words() const {
    switch (option_.unit) {
      case Unit::bytes:
        return "a size like 65536, 64KiB or 32MiB";
      case Unit::milliseconds:
        return "a time like 500 (milliseconds), 500ms, 30s or 5m";
      case Unit::seconds:
        return "a time like 30 (seconds), 30s, 5m, 6h or 7d";
      case Unit::none:
        break;
    }
    return "a whole number";
  }

  const Option& option_;
  std::vector<std::string>& problems_;
};

bool instance_name_ok(const std::string& name) {
  const auto word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= instance_name_bytes_max && word(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return word(c) || c == '-' || c == '_' || c == '.'; });
}

PluginEntry decode_plugin(const TreeMember& member, std::vector<std::string>& problems) {
  static const std::vector<std::string> known{"plugin", "isolation", "required", "config"};
  PluginEntry entry;
  entry.name = entry.plugin = member.name;
  entry.where = member.where;
  const std::string key = "plugins." + member.name;
  if (!instance_name_ok(member.name)) {
    problems.push_back(member.where + ": " + in_quotes(key) +
                       ": an instance's name is 1 to 63 letters, digits, dashes, underscores and dots, and begins with a letter or digit");
  }
  if (member.value.kind == Tree::Kind::null) return entry;
  if (member.value.kind != Tree::Kind::map) {
    problems.push_back(member.where + ": " + key + " must be a map of plugin, isolation, required and config, not " +
                       kind_text(member.value));
    return entry;
  }
  for (const auto& part : member.value.members) {
    const auto& value = part.value;
    const bool scalar = value.kind == Tree::Kind::scalar;
    if (part.name == "plugin" && scalar && !value.text.empty()) {
      entry.plugin = value.text;
    } else if (part.name == "isolation" && scalar && (value.text == "inprocess" || value.text == "process" || value.text == "pod")) {
      entry.isolation = value.text;
    } else if (part.name == "required" && scalar && parse_boolean(value.text)) {
      entry.required = *parse_boolean(value.text);
    } else if (part.name == "config" && value.kind != Tree::Kind::scalar && value.kind != Tree::Kind::list) {
      if (value.kind == Tree::Kind::map) entry.config_json = to_json(value);
      for (const auto& setting : value.members) {
        if (setting.value.where.starts_with("flag "))
          entry.where = setting.value.where;  // what is wrong is most likely what was typed last
      }
    } else if (part.name == "plugin") {
      problems.push_back(part.where + ": " + key + ".plugin must be the id of a plugin");
    } else if (part.name == "isolation") {
      problems.push_back(part.where + ": " + key + ".isolation must be \"inprocess\", \"process\" or \"pod\"");
    } else if (part.name == "required") {
      problems.push_back(part.where + ": " + key + ".required must be true or false");
    } else if (part.name == "config") {
      problems.push_back(part.where + ": " + key + ".config must be a map, not " + kind_text(value));
    } else {
      const auto near = base::nearest(part.name, known);
      problems.push_back(
          part.where + ": unknown key " + in_quotes(key + "." + part.name) +
          (near.empty() ? "; an instance has plugin, isolation, required and config" : "; did you mean " + suggestion(near) + "?"));
    }
  }
  return entry;
}

}  // namespace

Settings decode(const Tree& root, std::vector<std::string>& problems) {
  Settings settings;
  if (root.kind == Tree::Kind::null) return settings;
  if (root.kind != Tree::Kind::map) {
    problems.push_back(root.where + ": the configuration must be a map of keys, not " + kind_text(root));
    return settings;
  }
  KeyCheck(problems).walk(root, "");
  for (const auto& option : options()) {
    const Tree* value = look_up(root, option.key);
    if (value == nullptr || value->kind == Tree::Kind::null) continue;
    std::visit([&](auto* into) { Filler(option, problems)(*value, into); }, option.slot(settings));
  }
  if (const Tree* plugins = root.find("plugins"); plugins != nullptr && plugins->kind == Tree::Kind::map) {
    for (const auto& member : plugins->members) settings.plugins.push_back(decode_plugin(member, problems));
  } else if (plugins != nullptr && plugins->kind != Tree::Kind::null) {
    problems.push_back(plugins->where + ": plugins must be a map from instance names, not " + kind_text(*plugins));
  }
  return settings;
}

}  // namespace operon::config

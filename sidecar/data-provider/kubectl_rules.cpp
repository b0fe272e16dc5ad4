// What may stand in a kubectl command line that a caller makes up. kubectl trusts its user: it reads files, writes files, starts editors
// and plugins. A caller of ours is somebody else, so that only what is known to stay within the API is let through.
#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/text.hpp"
#include "kubectl.hpp"
#include "operon/error.hpp"

namespace operon::data_provider {
namespace {

constexpr size_t words_max = 64;
constexpr size_t word_bytes_max = 4096;

/// These open files or ports of this machine, or start programs on it, without any flag.
constexpr std::array<std::string_view, 9> never_allowed = {"config",    "convert", "cp",           "diff", "edit",
                                                           "kustomize", "plugin",  "port-forward", "proxy"};

/// Flags that say what to do within the API and how to show it. Whatever names a file, a server, an identity or a log level is not here.
constexpr std::array<std::string_view, 66> known_flags = {"A",
                                                          "all",
                                                          "all-containers",
                                                          "all-namespaces",
                                                          "allow-missing-template-keys",
                                                          "api-group",
                                                          "c",
                                                          "cascade",
                                                          "chunk-size",
                                                          "concurrent",
                                                          "container",
                                                          "containers",
                                                          "cpu-percent",
                                                          "current-replicas",
                                                          "delete-emptydir-data",
                                                          "disable-eviction",
                                                          "dry-run",
                                                          "field-selector",
                                                          "for",
                                                          "force",
                                                          "grace-period",
                                                          "ignore-daemonsets",
                                                          "ignore-errors",
                                                          "ignore-not-found",
                                                          "image",
                                                          "invert",
                                                          "L",
                                                          "l",
                                                          "label-columns",
                                                          "limit-bytes",
                                                          "list",
                                                          "max",
                                                          "max-log-requests",
                                                          "min",
                                                          "n",
                                                          "namespace",
                                                          "namespaced",
                                                          "no-headers",
                                                          "o",
                                                          "output",
                                                          "overwrite",
                                                          "p",
                                                          "patch",
                                                          "pod-selector",
                                                          "prefix",
                                                          "previous",
                                                          "q",
                                                          "quiet",
                                                          "replicas",
                                                          "request-timeout",
                                                          "resource-version",
                                                          "revision",
                                                          "selector",
                                                          "show-events",
                                                          "show-kind",
                                                          "show-labels",
                                                          "show-managed-fields",
                                                          "since",
                                                          "since-time",
                                                          "sort-by",
                                                          "subresource",
                                                          "tail",
                                                          "timeout",
                                                          "timestamps",
                                                          "to-revision",
                                                          "type"};

/// Forms of output; those that name a template's file are not here.
constexpr std::array<std::string_view, 4> plain_outputs = {"json", "yaml", "name", "wide"};
constexpr std::array<std::string_view, 4> template_outputs = {"jsonpath=", "jsonpath-as-json=", "go-template=", "custom-columns="};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_word(std::string_view text) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), fits);
}

void check_text(const std::string& field, const std::string& text) {
  if (text.size() > word_bytes_max) throw Error(Code::invalid_argument, field + ": longer than " + base::bytes_text(word_bytes_max));
  if (text.find('\0') != std::string::npos) throw Error(Code::invalid_argument, field + ": has a NUL in it");
}

void check_flag(const std::string& name, const std::string* value) {
  const std::string field = "flags: " + base::printable(name, 60);
  if (!is_word(name)) throw Error(Code::invalid_argument, field + ": a flag's name is given without dashes");
  if (!contains(known_flags, name))
    throw Error(Code::permission_denied, field + ": this flag is not let through; only flags that stay within the API are");
  if (value == nullptr) return;
  check_text(field, *value);
  if (name != "o" && name != "output") return;
  const auto begins = [&](std::string_view form) { return value->starts_with(form); };
  if (!contains(plain_outputs, *value) && std::none_of(template_outputs.begin(), template_outputs.end(), begins)) {
    throw Error(Code::permission_denied,
                field + ": must be json, yaml, name, wide, jsonpath=, jsonpath-as-json=, go-template= or custom-columns=");
  }
}

std::string flag_text(const std::string& name) {
  return (name.size() == 1 ? "-" : "--") + name;
}

void check_command(const KubectlSettings& settings, const KubectlCommand& asked) {
  if (settings.allowed.empty()) {
    throw Error(Code::unimplemented, "kubectl is not run here; the administrator allows commands with --kubectl-allow");
  }
  if (!is_word(asked.command)) throw Error(Code::invalid_argument, "command: must be one word, such as get");
  if (contains(settings.allowed, asked.command)) return;
  if (contains(settings.allowed, asked.command + " " + asked.subcommand)) return;
  std::string words = asked.command + (asked.subcommand.empty() ? "" : " " + asked.subcommand);
  throw Error(Code::permission_denied, "command: " + base::printable(words, 80) + " is not allowed here (--kubectl-allow)");
}

}  // namespace

void check_allowed(const std::vector<std::string>& allowed) {
  for (const auto& entry : allowed) {
    const auto space = entry.find(' ');
    const std::string command = entry.substr(0, space);
    const bool words = is_word(command) && (space == std::string::npos || is_word(entry.substr(space + 1)));
    if (!words)
      throw Error(Code::invalid_argument,
                  "--kubectl-allow: \"" + base::printable(entry, 60) + "\" must be one word or two: get, rollout status");
    if (contains(never_allowed, command)) {
      throw Error(Code::invalid_argument,
                  "--kubectl-allow: " + command + " works on this machine's files, ports or programs and cannot be allowed");
    }
  }
}

std::vector<std::string> kubectl_arguments(const KubectlSettings& settings, const KubectlCommand& asked) {
  check_command(settings, asked);
  if (2 + asked.args.size() + asked.flags.size() + asked.boolean_flags.size() > words_max) {
    throw Error(Code::invalid_argument, "args: more than " + std::to_string(words_max) + " words");
  }
  std::vector<std::string> words{asked.command};
  // Flags before what is positional: nothing that follows can end or change them.
  for (const auto& [name, value] : asked.flags) {
    check_flag(name, &value);
    words.push_back(flag_text(name) + "=" + value);
  }
  for (const auto& name : asked.boolean_flags) {
    check_flag(name, nullptr);
    words.push_back(flag_text(name) + "=true");  // never without a value: it would take the next word for it
  }
  if (!asked.subcommand.empty()) {
    check_text("subcommand", asked.subcommand);
    if (asked.subcommand.front() == '-') throw Error(Code::invalid_argument, "subcommand: begins with a dash; flags go into `flags`");
    words.insert(words.begin() + 1, asked.subcommand);
  }
  bool literal = false;  // after "--" nothing is a flag
  for (const auto& arg : asked.args) {
    check_text("args", arg);
    if (!literal && arg != "--" && arg.starts_with('-'))
      throw Error(Code::invalid_argument, "args: one begins with a dash; flags go into `flags`");
    literal = literal || arg == "--";
    words.push_back(arg);
  }
  return words;
}

}  // namespace operon::data_provider

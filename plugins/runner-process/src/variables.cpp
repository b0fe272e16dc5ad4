#include "variables.hpp"

#include <algorithm>
#include <array>

#include "operon/error.hpp"

namespace operon::runner_process {

namespace {

using namespace std::string_view_literals;

constexpr std::array dangerous_prefixes = {"LD_"sv,       "DYLD_"sv,  "BASH_FUNC_"sv,  "LUA_INIT"sv,   "LUA_PATH"sv,
                                           "LUA_CPATH"sv, "GIT_"sv,   "JAVA_"sv,       "DOTNET_"sv,    "CORECLR_"sv,
                                           "COR_"sv,      "GUILE_"sv, "NPM_CONFIG_"sv, "npm_config_"sv};

constexpr std::array dangerous_names = {
    // the C library
    "GCONV_PATH"sv, "GLIBC_TUNABLES"sv, "LOCPATH"sv, "NLSPATH"sv, "HOSTALIASES"sv, "LOCALDOMAIN"sv, "RES_OPTIONS"sv, "RESOLV_HOST_CONF"sv,
    "GETCONF_DIR"sv, "TZDIR"sv, "MALLOC_CHECK_"sv, "MALLOC_TRACE"sv,
    // shells
    "BASH_ENV"sv, "ENV"sv, "IFS"sv, "SHELLOPTS"sv, "BASHOPTS"sv, "PS0"sv, "PS1"sv, "PS2"sv, "PS4"sv, "PROMPT_COMMAND"sv, "CDPATH"sv,
    "GLOBIGNORE"sv, "ZDOTDIR"sv, "SHELL"sv,
    // interpreters
    "PYTHONSTARTUP"sv, "PYTHONPATH"sv, "PYTHONHOME"sv, "PYTHONINSPECT"sv, "PYTHONUSERBASE"sv, "PYTHONEXECUTABLE"sv, "PYTHONBREAKPOINT"sv,
    "PYTHONWARNINGS"sv, "PYTHONPLATLIBDIR"sv, "PYTHONPYCACHEPREFIX"sv, "NODE_OPTIONS"sv, "NODE_PATH"sv, "PERL5OPT"sv, "PERL5LIB"sv,
    "PERLLIB"sv, "PERL5DB"sv, "PERL5SHELL"sv, "RUBYOPT"sv, "RUBYLIB"sv, "GEM_PATH"sv, "GEM_HOME"sv, "_JAVA_OPTIONS"sv, "JDK_JAVA_OPTIONS"sv,
    "CLASSPATH"sv, "PHPRC"sv, "PHP_INI_SCAN_DIR"sv, "R_PROFILE"sv, "R_ENVIRON"sv, "TCLLIBPATH"sv, "AWKPATH"sv, "AWKLIBPATH"sv, "DENO_DIR"sv,
    // programs that start others
    "EDITOR"sv, "VISUAL"sv, "PAGER"sv, "MANPAGER"sv, "BROWSER"sv, "LESSOPEN"sv, "LESSCLOSE"sv, "SSH_ASKPASS"sv, "SUDO_ASKPASS"sv,
    // libraries that load others
    "OPENSSL_CONF"sv, "OPENSSL_ENGINES"sv, "OPENSSL_MODULES"sv, "GTK_MODULES"sv, "QT_PLUGIN_PATH"sv, "GIO_EXTRA_MODULES"sv, "TERMINFO"sv,
    "TERMINFO_DIRS"sv, "TERMCAP"sv};

bool dangerous(std::string_view name) {
  return std::any_of(dangerous_prefixes.begin(), dangerous_prefixes.end(), [&](auto prefix) { return name.starts_with(prefix); }) ||
         std::find(dangerous_names.begin(), dangerous_names.end(), name) != dangerous_names.end();
}

bool legal(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto further = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; };
  return !name.empty() && letter(name.front()) && std::all_of(name.begin(), name.end(), further);
}

[[noreturn]] void refuse(const std::string& where, const std::string& name, const std::string& why) {
  throw Error(Code::failed_precondition, where + "." + name + ": " + why).with_field(where + "." + name);
}

}  // namespace

void check_variable_name(const std::string& name, const std::string& where) {
  if (!legal(name)) refuse(where, name, "is no name of a variable; one matches [A-Za-z_][A-Za-z0-9_.-]*");
  if (dangerous(name)) refuse(where, name, "is not passed to runs: it could make a program load or run something else");
}

void check_variable_value(const std::string& name, const std::string& value, const std::string& where) {
  if (value.find('\0') != value.npos) refuse(where, name, "holds a NUL byte, which no environment can");
  if (name.size() + value.size() + 2 > variable_bytes_max) {
    refuse(where, name,
           "has " + std::to_string(value.size()) + " bytes; one variable holds at most " +
               std::to_string(variable_bytes_max - name.size() - 2));
  }
}

bool set_by_runner(std::string_view name) {
  return name == "PATH" || name == "HOME" || name == "TMPDIR" || name == "KUBECONFIG" || name.starts_with("OPERON_");
}

std::string substitute(std::string_view text, const Environment& variables) {
  std::string result;
  while (!text.empty()) {
    const auto dollar = std::min(text.find('$'), text.size());
    result.append(text.substr(0, dollar));
    text.remove_prefix(dollar);
    if (text.empty()) break;
    const auto close = text.starts_with("$(") ? text.find(')') : text.npos;
    if (close != text.npos) {
      const auto found = variables.find(std::string(text.substr(2, close - 2)));
      result.append(found == variables.end() ? text.substr(0, close + 1) : std::string_view(found->second));
      text.remove_prefix(close + 1);
      continue;
    }
    result.push_back('$');
    text.remove_prefix(text.starts_with("$$") ? 2 : 1);
  }
  return result;
}

}  // namespace operon::runner_process

#include "core/app/operonctl/settings.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/base/files.hpp"
#include "operon/error.hpp"
#include "operon/yaml/yaml.hpp"

namespace operon::ctl {
namespace {

constexpr size_t config_bytes_max = 64u << 10;
constexpr size_t token_bytes_max = 4u << 10;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string default_config_file() {
  std::string base = environment("XDG_CONFIG_HOME");
  if (base.empty()) base = environment("HOME").empty() ? "" : environment("HOME") + "/.config";
  if (base.empty()) return {};
  std::string file = base + "/operon/operonctl.yaml";
  return std::filesystem::exists(file) ? file : std::string{};
}

void fill(std::string& into, const std::string& from) {
  if (into.empty()) into = from;
}

std::string read_token(const std::string& file) {
  std::string token = base::read_file(file, token_bytes_max);
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  return token;
}

void fill_from_file(Settings& s) {
  if (s.config_file.empty()) s.config_file = environment("OPERONCTL_CONFIG");
  if (s.config_file.empty()) s.config_file = default_config_file();
  if (s.config_file.empty()) return;
  nlohmann::json file = yaml::load(base::read_file(s.config_file, config_bytes_max), s.config_file).value;
  if (file.is_null()) return;
  if (!file.is_object()) throw Error{Code::invalid_argument, s.config_file + ": must be a map with the keys server, token_file, ca_file"};
  for (const auto& [key, value] : file.items()) {
    if (key != "server" && key != "token_file" && key != "ca_file")
      throw Error{Code::invalid_argument, s.config_file + ": unknown key '" + key + "'; known are server, token_file, ca_file"};
    if (!value.is_string()) throw Error{Code::invalid_argument, s.config_file + ": '" + key + "' must be text"};
  }
  fill(s.server, file.value("server", ""));
  fill(s.ca_file, file.value("ca_file", ""));
  if (s.token.empty() && file.contains("token_file")) s.token = read_token(file["token_file"].get<std::string>());
}

}  // namespace

void complete(Settings& s) {
  fill(s.server, environment("OPERON_SERVER"));
  fill(s.token, environment("OPERON_TOKEN"));
  if (s.token.empty() && !environment("OPERON_TOKEN_FILE").empty()) s.token = read_token(environment("OPERON_TOKEN_FILE"));
  fill(s.ca_file, environment("OPERON_CA_FILE"));
  fill_from_file(s);
  fill(s.server, "http://127.0.0.1:8080");
  if (s.server.find("://") == std::string::npos) s.server = "http://" + s.server;
  while (!s.server.empty() && s.server.back() == '/') s.server.pop_back();
}

Output output_from_string(const std::string& word) {
  if (word.empty() || word == "table") return Output::table;
  if (word == "wide") return Output::wide;
  if (word == "json") return Output::json;
  if (word == "yaml") return Output::yaml;
  if (word == "name") return Output::name;
  throw Error{Code::invalid_argument, "-o '" + word + "' is unknown; known are table, wide, json, yaml, name"};
}

}  // namespace operon::ctl

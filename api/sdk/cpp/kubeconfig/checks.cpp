#include "checks.hpp"

#include <algorithm>

#include "operon/error.hpp"

namespace operon::kubeconfig::detail {
namespace {

using nlohmann::json;

[[noreturn]] void malformed(const std::string& what, const std::string& why) {
  throw Error(Code::invalid_argument, what + ": " + why);
}

[[noreturn]] void refused(const std::string& what, const std::string& why) {
  throw Error(Code::failed_precondition, what + ": " + why);
}

bool present(const json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && !found->is_null() && !(found->is_string() && found->get_ref<const std::string&>().empty());
}

void check_text(const json& object, const char* key, const std::string& what) {
  auto found = object.find(key);
  if (found != object.end() && (found->is_object() || found->is_array())) malformed(what, std::string("`") + key + "` must be text");
}

/// Go's decoder, which every client uses, skips line ends inside base64.
void check_base64(const json& object, const char* key, const std::string& what) {
  check_text(object, key, what);
  std::string text = text_of(object, key);
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }), text.end());
  size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  bool alphabet = std::all_of(text.begin(), text.end() - static_cast<std::ptrdiff_t>(padding), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
  if (text.size() % 4 != 0 || !alphabet) malformed(what, std::string("`") + key + "` is not base64");
}

void check_file(const json& object, const char* key, const std::string& what, Trust trust) {
  check_text(object, key, what);
  if (present(object, key) && !trust.files)
    refused(what, std::string("`") + key + "` names a file, which is not read from here; write its content in");
}

}  // namespace

std::string shown(std::string_view name) {
  constexpr size_t name_bytes_max = 120;
  std::string out;
  for (char c : name.substr(0, name_bytes_max)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (name.size() > name_bytes_max) {
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
    if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xc0) out.pop_back();
    out += "...";
  }
  return out;
}

std::string text_of(const json& object, const char* key) {
  auto found = object.find(key);
  if (found == object.end() || found->is_null() || found->is_object() || found->is_array()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

void check_cluster(const json& cluster, const std::string& what, Trust trust) {
  check_text(cluster, "server", what);
  const std::string server = text_of(cluster, "server");
  if (server.empty()) malformed(what, "`server` is missing");
  if (!server.starts_with("https://") && !server.starts_with("http://")) malformed(what, "`server` must begin with https:// or http://");
  for (const char* key : {"server", "proxy-url"}) {
    check_text(cluster, key, what);
    if (!trust.link_local && !link_local_host(text_of(cluster, key)).empty()) {
      refused(what, std::string("`") + key + "` is a link-local or metadata address, which is not asked from here");
    }
  }
  check_base64(cluster, "certificate-authority-data", what);
  check_file(cluster, "certificate-authority", what, trust);
}

void check_user(const json& user, const std::string& what, Trust trust) {
  for (const char* key : {"exec", "auth-provider"}) {
    auto found = user.find(key);
    if (found == user.end() || found->is_null()) continue;
    if (!found->is_object()) malformed(what, std::string("`") + key + "` must be a map");
    if (!trust.exec) refused(what, std::string("`") + key + "` names a program, which is not run from here; use a token or a certificate");
  }
  for (const char* key : {"client-certificate-data", "client-key-data"}) check_base64(user, key, what);
  for (const char* key : {"client-certificate", "client-key", "tokenFile"}) check_file(user, key, what, trust);
  for (const char* key : {"token", "username", "password"}) check_text(user, key, what);
}

void check_context(const json& context, const std::string& what) {
  for (const char* key : {"cluster", "user", "namespace"}) check_text(context, key, what);
  if (text_of(context, "cluster").empty()) malformed(what, "`cluster` is missing");
}

}  // namespace operon::kubeconfig::detail

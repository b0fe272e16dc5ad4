#include "core/http/access.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "core/base/text.hpp"

namespace operon::http {

namespace {

std::string lower(std::string_view s) {
  std::string out(s);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool is_port(std::string_view s) {
  return s.size() <= 5 && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
}

bool is_loopback(const std::string& name) {
  if (name == "localhost" || name == "::1") return true;
  in_addr v4{};
  return inet_pton(AF_INET, name.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

/// An origin without the port that its scheme implies.
std::string normal_origin(std::string_view origin) {
  std::string out = lower(origin);
  if (out.starts_with("http://") && out.ends_with(":80")) out.resize(out.size() - 3);
  if (out.starts_with("https://") && out.ends_with(":443")) out.resize(out.size() - 4);
  return out;
}

}  // namespace

std::string host_name_of(std::string_view authority) {
  std::string_view name = authority, port;
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos) return {};
    name = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    if (!port.empty()) {
      if (port.front() != ':') return {};
      port.remove_prefix(1);
    }
  } else if (const size_t colon = authority.find(':'); colon != std::string_view::npos) {
    name = authority.substr(0, colon);
    port = authority.substr(colon + 1);
    if (port.find(':') != std::string_view::npos) return {};
  }
  if (!is_port(port)) return {};
  std::string out = lower(name);
  if (out.size() > 1 && out.back() == '.') out.pop_back();
  if (!std::all_of(out.begin(), out.end(), name_char)) return {};
  return out;
}

AccessCheck::AccessCheck(const AccessRules& rules, const std::vector<std::string>& listen, bool tls) : tls_(tls) {
  for (const char* name : {"localhost", "127.0.0.1", "::1"}) hosts_.insert(name);
  for (const auto* list : {&rules.hosts, &listen}) {
    for (const std::string& entry : *list) {
      // A bare IPv6 address has no port that could be told from it.
      std::string name = std::count(entry.begin(), entry.end(), ':') > 1 && !entry.starts_with('[') ? lower(entry) : host_name_of(entry);
      if (!name.empty()) hosts_.insert(std::move(name));
    }
  }
  for (const std::string& origin : rules.origins) origins_.insert(normal_origin(origin));
}

bool AccessCheck::host_allowed(std::string_view authority, std::string_view local_address) const {
  const std::string name = host_name_of(authority);
  if (name.empty()) return false;
  return hosts_.contains(name) || is_loopback(name) || (!local_address.empty() && name == local_address);
}

bool AccessCheck::same_origin(std::string_view origin, std::string_view host) const {
  const std::string got = normal_origin(origin);
  if (got == normal_origin("https://" + std::string(host))) return true;
  // Without TLS of our own a proxy may have ended it before us, so both schemes are ours; with it only one is.
  return !tls_ && got == normal_origin("http://" + std::string(host));
}

AccessCheck::Verdict AccessCheck::check(const RequestHead& head, std::string_view target_authority, std::string_view local_address) const {
  const std::string_view host = target_authority.empty() ? head.host() : target_authority;
  // HTTP/1.0 without Host comes from no browser.
  if (host.data() != nullptr && !host_allowed(host, local_address)) {
    return {false, "host '" + base::printable(host, 100) + "' is not a name of this server; add it to rest.hosts if it should be", false};
  }
  if (!target_authority.empty() && head.host().data() != nullptr && !host_allowed(head.host(), local_address)) {
    return {false, "the Host header does not name this server", false};
  }
  const std::string_view origin = head.origin();
  if (origin.data() != nullptr) {
    if (same_origin(origin, host)) return {true, {}, false};
    if (origins_.contains(normal_origin(origin))) return {true, {}, true};
    return {false, "origin '" + base::printable(origin, 100) + "' may not use this server; add it to rest.origins if it should", false};
  }
  if (equals_ignoring_case(head.header("sec-fetch-site"), "cross-site")) {
    // Following a link from another site to a page of ours is the one thing that a browser may do.
    const bool link = (head.method() == "GET" || head.method() == "HEAD") &&
                      equals_ignoring_case(head.header("sec-fetch-mode"), "navigate") &&
                      equals_ignoring_case(head.header("sec-fetch-dest"), "document");
    if (!link) return {false, "requests that other web sites cause are not served here", false};
  }
  return {true, {}, false};
}

}  // namespace operon::http

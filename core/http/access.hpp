/// core/http/access.hpp: may this request be heard at all? Host, Origin and Sec-Fetch-Site, before anything else.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/http/head.hpp"

namespace operon::http {

/// Built once, then read by all threads.
///
/// Why: a web page in the operator's browser can send requests to 127.0.0.1. Its own name in Host (DNS rebinding) or in Origin gives it
/// away.
class AccessCheck {
 public:
  /// `listen`: hosts as written in the listen entries and as bound.
  AccessCheck(const AccessRules&, const std::vector<std::string>& listen, bool tls);

  struct Verdict {
    bool allowed = false;
    std::string message;          ///< why not
    bool foreign_origin = false;  ///< an allowed origin of another site: it is told so (CORS)
  };
  /// `local_address` is the address of this end of the connection, without port: a request that names it is not rebound.
  Verdict check(const RequestHead&, std::string_view target_authority, std::string_view local_address) const;

 private:
  bool host_allowed(std::string_view authority, std::string_view local_address) const;
  bool same_origin(std::string_view origin, std::string_view host) const;

  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
  };
  using Names = std::unordered_set<std::string, Hash, std::equal_to<>>;
  Names hosts_, origins_;
  bool tls_;
};

/// "example.org:80" -> "example.org", "[::1]:80" -> "::1", lower case, no dot at the end; empty when malformed.
std::string host_name_of(std::string_view authority);

}  // namespace operon::http

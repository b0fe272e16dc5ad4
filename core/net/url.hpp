/// core/net/url.hpp: the few questions the client has about a URL.
#pragma once

#include <string>

namespace operon::net {

struct Url {
  std::string scheme, host, port, path;  ///< lower case scheme and host; the port is always there
};

/// Throws Error(invalid_argument): not an absolute http or https URL.
Url parse_url(const std::string& text);
/// For messages: without user, password, query and fragment.
std::string shown(const std::string& url);
/// `location` seen from `base`; empty when it leads nowhere that http or https can go.
std::string resolve(const std::string& base, const std::string& location);
bool same_origin(const Url&, const Url&);

}  // namespace operon::net

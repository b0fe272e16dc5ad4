/// challenge.hpp: what a registry asks for with 401 (RFC 9110 section 11.6.1; the distribution specification's token authentication).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace registry_oci {

struct Challenge {
  std::string scheme;                             ///< in lower case
  std::map<std::string, std::string> parameters;  ///< names in lower case
};

/// All challenges of a WWW-Authenticate header, several lines of which may be joined by commas. What makes no sense is left out.
std::vector<Challenge> read_challenges(std::string_view header);

}  // namespace registry_oci

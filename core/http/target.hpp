/// core/http/target.hpp: a request target taken apart and percent-decoded, strictly.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/http/head.hpp"

namespace operon::http {

struct Target {
  std::string path;                                        ///< decoded; "*" for OPTIONS *
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded, in order; empty values left out
  std::string_view authority;                              ///< of the absolute form, else empty; refers to the text parsed
};

/// Reads the origin form ("/a%20b?c=d") and the absolute form ("http://host/a"). Bad escapes, an encoded slash in the path, NUL, text that
/// is not UTF-8: 400. `..` is a name like any other.
Refusal parse_target(std::string_view method, std::string_view text, Target&);

/// `plus_is_space` as in queries. False on a bad escape.
bool percent_decode(std::string_view, bool plus_is_space, std::string& out);

}  // namespace operon::http

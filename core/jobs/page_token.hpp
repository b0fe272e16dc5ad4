/// core/jobs/page_token.hpp: the continue token of lists.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/jobs/store.hpp"

namespace operon::jobs {

/// base64url without padding: clients put it into a query as it is.
std::string make_token(const PageKey&);
/// Absent for an empty token. Throws Error(invalid_argument) for one that this program never gave.
std::optional<PageKey> read_token(std::string_view);

}  // namespace operon::jobs

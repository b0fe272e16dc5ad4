/// core/rest/openapi_text.hpp: api/rest/openapi.yaml, as it was when the host was built.
#pragma once

#include <string>

namespace operon::rest {

const std::string& openapi_text();

}  // namespace operon::rest

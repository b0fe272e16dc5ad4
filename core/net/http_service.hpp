/// core/net/http_service.hpp: operon.host.http/1, the outbound HTTP that plugins ask for.
#pragma once

#include <memory>

#include "core/base/service.hpp"
#include "core/net/client.hpp"

namespace operon::net {

/// Verb `request`, as in api/schemas/operon.host.http.v1.json. The answer's body comes as chunks of the output stream, raw bytes, before
/// the answer.
std::shared_ptr<base::Service> make_http_service(std::shared_ptr<Client>);

}  // namespace operon::net

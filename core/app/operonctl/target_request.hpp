/// core/app/operonctl/target_request.hpp: asks the host which clusters there are.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace operon::ctl {

class Client;

/// Makes a target request and waits until it is completed (at most a minute); returns its id. Throws Error.
std::string request_targets(Client&);

/// Its clusters: [{"provider", "cluster-name", "cluster-api-url"}].
nlohmann::json cluster_rows(Client&, const std::string& target_id);

}  // namespace operon::ctl

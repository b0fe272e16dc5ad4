/// core/targets/target_request.hpp: one question to all target providers, and what they answered.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operon/kinds/target_provider.hpp"

namespace operon::targets {

enum class RequestStatus { pending, completed };

/// In the manner of Kubernetes: {"type":"Partial","status":"True","reason","message"}.
struct Condition {
  std::string type, reason, message;
  int64_t unix_ms = 0;
};

struct TargetRequest {
  std::string id;  ///< uuid v4
  RequestStatus status = RequestStatus::pending;
  /// Provider instance name -> its clusters. A provider that failed has no key.
  std::map<std::string, std::vector<kinds::target_provider::Cluster>> target_data;
  std::vector<Condition> conditions;  ///< "Partial" names providers that failed or did not answer in time
  int64_t created_unix_ms = 0;
  int64_t last_used_unix_ms = 0;
  std::optional<int64_t> completed_unix_ms;
};

}  // namespace operon::targets

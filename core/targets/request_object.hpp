/// core/targets/request_object.hpp: KrknTargetRequest and KrknOperatorTargetProvider objects as values and back. No I/O here.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/kube/resource.hpp"
#include "core/targets/target_request.hpp"

namespace operon::targets {

const kube::Resource& request_resource();
const kube::Resource& provider_resource();
const kube::Resource& secret_resource();

inline constexpr const char* api_version = "krkn.krkn-chaos.dev/v1alpha1";
/// On a KrknTargetRequest: when somebody asked about it last (RFC 3339); what is not asked for expires.
inline constexpr const char* last_used_annotation = "operon.dev/last-used";

/// The object that asks: its name is its uuid.
nlohmann::json new_request_object(const std::string& id);
/// Throws Error(invalid_argument) naming the member at fault.
TargetRequest read_request_object(const nlohmann::json& object);
/// Which of our annotations makes no sense and is ignored, in words; empty = none.
std::string ignored_annotation(const nlohmann::json& object);
/// The patch of whoever begins to work on it.
nlohmann::json taken_up_patch(const std::string& now);
/// status.targetData of one provider, as a JSON merge patch that leaves the others' alone.
nlohmann::json answer_patch(const std::string& provider, const std::vector<kinds::target_provider::Cluster>&);
/// The patch that completes it. `partial` is empty when every provider has answered.
nlohmann::json completed_patch(const std::string& partial, const std::string& now);

struct ProviderObject {
  std::string name;           ///< of the object
  std::string operator_name;  ///< its key in targetData
  bool active = true;
  int64_t heartbeat_unix_ms = 0;  ///< 0: none yet
};
/// Throws Error(invalid_argument).
ProviderObject read_provider_object(const nlohmann::json& object);

}  // namespace operon::targets

/// kubeconfig/checks.hpp: the shape of a kubeconfig, and what it may ask for.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "operon/kubeconfig/kubeconfig.hpp"
#include "operon/yaml/yaml.hpp"

namespace operon::kubeconfig::detail {

/// A name from outside, for messages: one line, cut.
std::string shown(std::string_view);
/// The text of a string attribute; numbers and booleans that were written without quotes are taken as text. Empty when absent or null.
std::string text_of(const nlohmann::json& object, const char* key);
/// Checks one cluster's or user's part. `what` names it ("cluster 'dev' (f.yaml:12)"). Throws Error.
void check_cluster(const nlohmann::json& cluster, const std::string& what, Trust);
void check_user(const nlohmann::json& user, const std::string& what, Trust);
void check_context(const nlohmann::json& context, const std::string& what);

}  // namespace operon::kubeconfig::detail

/// tests/unit/targets/fake_provider.hpp: a target provider in memory.
#pragma once

#include <nlohmann/json.hpp>

#include "operon/kinds/target_provider.hpp"
#include "tests/unit/targets/fake_instance.hpp"

namespace operon::test {

inline const char* some_kubeconfig() {
  return "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: k, cluster: {server: 'https://10.0.0.1:6443'}}]\n"
         "users: [{name: u, user: {token: canary-token-value}}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n";
}

/// Lists `clusters`; `get` hands out some_kubeconfig(), nothing for "localhost", garbage for "garbled", NOT_FOUND for "vanished".
inline void make_provider(FakeInstance& instance, const std::vector<std::string>& clusters) {
  namespace tp = kinds::target_provider;
  instance.on(tp::id, tp::verb::list, [clusters](const std::string&, const FakeInstance::Emit& emit) {
    for (const auto& c : clusters) emit(nlohmann::json{{"clusterName", c}, {"clusterApiUrl", "https://" + c}}.dump());
    return std::string("{}");
  });
  instance.on(tp::id, tp::verb::get, [](const std::string& request, const FakeInstance::Emit&) {
    const std::string name = nlohmann::json::parse(request).at("clusterName");
    if (name == "vanished") throw Error(Code::not_found, "no such cluster");
    if (name == "refused") throw Error(Code::permission_denied, "the hub refused the provider");
    nlohmann::json answer = {{"clusterName", name}, {"clusterApiUrl", "https://" + name}};
    if (name == "garbled")
      answer["kubeconfig"] = "canary: [";
    else if (name == "blank")
      answer["kubeconfig"] = " \n";
    else if (name != "localhost")
      answer["kubeconfig"] = some_kubeconfig();
    return answer.dump();
  });
}

}  // namespace operon::test

/// samples.hpp: kubeconfigs for tests, and the words with which one is refused.
#pragma once

#include <functional>
#include <string>

#include "operon/error.hpp"
#include "operon/kubeconfig/kubeconfig.hpp"

namespace operon::kubeconfig {

inline const std::string two_contexts = R"(apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: dev-cluster
  cluster: {server: https://dev.example:6443, certificate-authority-data: Zm9v}
- name: prod-cluster
  cluster:
    server: https://prod.example
    insecure-skip-tls-verify: true
contexts:
- name: dev
  context: {cluster: dev-cluster, user: dev-user, namespace: apps}
- name: prod
  context: {cluster: prod-cluster, user: prod-user}
users:
- name: dev-user
  user: {token: canary-dev-token}
- name: prod-user
  user: {username: admin, password: 1234}
)";

inline std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("canary") == std::string::npos);
    return e.what();
  }
  return "accepted";
}

/// A kubeconfig with one cluster and one user, whose parts are given as flow maps.
inline std::string one(const std::string& cluster, const std::string& user) {
  return "clusters: [{name: c, cluster: " + cluster +
         "}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\nusers: [{name: u, user: " + user + "}]\n";
}

}  // namespace operon::kubeconfig

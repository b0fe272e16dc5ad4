/// A cluster to test with, a namespace of one's own in it, and a proxy that spoils answers.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "core/kube/api.hpp"
#include "core/kube/client.hpp"
#include "core/kube/config.hpp"

namespace operon::kube::test {

inline const Resource config_maps{"", "v1", "configmaps"}, namespaces{"", "v1", "namespaces", false};

/// $KUBECONFIG's cluster.
ClusterConfig cluster(const std::string& context = "");

/// Made for one test case, deleted at its end.
class Namespace {
 public:
  Namespace();
  ~Namespace();
  const std::string& name() const { return name_; }
  Client client;
  Api api{client};

  nlohmann::json config_map(const std::string& name, const std::string& value = "x", const std::string& label = "yes") const;
  nlohmann::json put(const std::string& name, const std::string& value = "x", const std::string& label = "yes");

 private:
  std::string name_;
};

/// tests/harness/fault_proxy.py before the cluster.
class FaultProxy {
 public:
  explicit FaultProxy(bool keep_alive = false);
  ~FaultProxy();
  ClusterConfig config() const;
  void rules(const nlohmann::json& list);
  nlohmann::json told();

 private:
  std::string ca_file_, server_;
  int stdin_ = -1;
  int pid_ = -1;
};

/// Looks every few milliseconds; false after ten seconds.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds within = std::chrono::seconds(10));

}  // namespace operon::kube::test

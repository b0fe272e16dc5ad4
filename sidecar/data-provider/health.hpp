/// data-provider/health.hpp: grpc.health.v1.Health, as gRPC's own servers answer it.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "call_gate.hpp"
#include "grpc/health/v1/health.grpc.pb.h"
#include "rpc.hpp"

namespace operon::data_provider {

class HealthService final : public Served {
 public:
  /// `names` are served, and "", the server as a whole. Watchers enter `streams`, which must outlive the queue's stop().
  HealthService(std::set<std::string> names, CallGate& streams);
  ~HealthService() override;

  grpc::Service& service() override { return service_; }
  void serve(EventQueue&) override;
  /// From now on nothing is served, and who watches is told. On the queue's thread.
  void stop_serving();

 private:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;
  class Check;
  class Watch;

  Status status(const std::string& name) const;

  grpc::health::v1::Health::AsyncService service_;
  const std::set<std::string> names_;
  CallGate& streams_;
  // On the queue's thread:
  std::set<Watch*> watches_;
  bool serving_ = true;
};

}  // namespace operon::data_provider

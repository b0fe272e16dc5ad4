/// data-provider/reflection.hpp: grpc.reflection.v1alpha.ServerReflection, as gRPC's own servers answer it.
#pragma once

#include <string>
#include <vector>

#include "call_gate.hpp"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "rpc.hpp"

namespace operon::data_provider {

/// Describes what is linked into the program.
class ReflectionService final : public Served {
 public:
  /// `names` are the services that are listed. Streams enter `streams`, which must outlive the queue's stop().
  ReflectionService(std::vector<std::string> names, CallGate& streams) : names_(std::move(names)), streams_(streams) {}

  grpc::Service& service() override { return service_; }
  void serve(EventQueue&) override;

 private:
  class Stream;

  grpc::reflection::v1alpha::ServerReflection::AsyncService service_;
  const std::vector<std::string> names_;
  CallGate& streams_;
};

}  // namespace operon::data_provider

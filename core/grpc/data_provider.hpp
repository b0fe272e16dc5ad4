/// core/grpc/data_provider.hpp: the host's client of the gRPC data provider (proto/dataprovider.proto).
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/grpc/circuit_breaker.hpp"

namespace operon::grpc_client {

struct DataProviderSettings {
  std::string address;                         ///< HOST:PORT or unix:PATH
  std::chrono::milliseconds deadline{10'000};  ///< of one call, all in all
  std::chrono::milliseconds health_ms_max{1'000};
  std::chrono::milliseconds health_interval{10'000};  ///< between looks at its health
  unsigned calls_max = 12;                            ///< going on at once; each keeps a thread of its caller's for up to `deadline`
  unsigned calls_per_cluster_max = 8;                 ///< of these; a cluster that hangs leaves room for the others
  BreakerLimits breaker{};
  std::filesystem::path library;  ///< of gRPC; empty = liboperon-grpc.so where the program was installed or built
};

/// One channel for the life of the host. Thread-safe; calls block. A thread of its own looks at the provider's health, so that it is known
/// before anybody asks.
///
/// Only a provider that does not answer opens the circuit breaker. It says UNAVAILABLE as well when a *cluster* cannot be reached, and one
/// dead cluster must not cut off the others: after such an end its health decides whose fault it was.
class DataProvider {
 public:
  /// Loads the library. Throws Error(unavailable) saying why it cannot be.
  explicit DataProvider(DataProviderSettings, base::Clock& = base::system_clock());
  ~DataProvider();  ///< ends calls that are going on: CANCELLED
  DataProvider(const DataProvider&) = delete;
  DataProvider& operator=(const DataProvider&) = delete;

  /// Names of a cluster's nodes. Throws Error with the provider's code (proto/dataprovider.proto); UNAVAILABLE with reason
  /// `DataProviderDown` and a time to come back when the provider itself does not answer; RESOURCE_EXHAUSTED, with such a time, above
  /// calls_max and calls_per_cluster_max.
  std::vector<std::string> nodes(std::string_view kubeconfig);
  /// What is wrong with the provider as far as is known, for /readyz; empty = nothing. From memory.
  std::string trouble() const;
  CircuitBreaker::State state() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::grpc_client

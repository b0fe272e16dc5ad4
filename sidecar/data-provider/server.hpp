/// data-provider/server.hpp: the gRPC server.
#pragma once

#include <chrono>
#include <memory>

#include "options.hpp"

namespace operon::data_provider {

class Server {
 public:
  /// Listens. Throws Error(unavailable) naming the address when that cannot be.
  explicit Server(const Options&);
  ~Server();

  /// Not healthy and no new calls from now on; returns when those that are going on have ended, at `Options::drain` the latest.
  void drain();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::data_provider

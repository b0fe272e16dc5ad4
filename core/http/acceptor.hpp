/// core/http/acceptor.hpp: listening sockets, as Poco TCP servers that hand every connection on at once.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "core/http/gate.hpp"

namespace operon::http {

/// Binds at construction: throws Error(unavailable) naming the address and the system's reason, Error(invalid_argument) for an entry that
/// is none.
class Acceptor {
 public:
  /// A connection: its descriptor (non-blocking, close-on-exec), its place, the address of our end without port. Called on the accepting
  /// thread.
  using Sink = std::function<void(base::Fd, Gate::Pass, std::string local_address)>;

  Acceptor(const std::string& name, const std::vector<std::string>& listen, Gate&, Sink, std::function<void(const char* reason)> refused);
  ~Acceptor();

  void start();
  /// No connection is accepted after it returns.
  void stop();
  /// "127.0.0.1:8080", as bound.
  std::vector<std::string> addresses() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::http

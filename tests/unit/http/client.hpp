/// tests/unit/http/client.hpp: a peer made of a bare socket, so that tests can say exactly what goes over the wire, and a server to talk
/// to.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/base/files.hpp"
#include "core/http/router.hpp"
#include "core/http/server.hpp"

namespace operon::http::test {

using namespace std::chrono_literals;

/// Every read has a deadline, so that a test fails instead of hanging.
class Peer {
 public:
  explicit Peer(const std::string& address, int receive_buffer = 0);
  void send(std::string_view);
  /// As `send`, but a connection that the server has closed is no failure.
  bool try_send(std::string_view);
  /// One whole answer: head, and body by Content-Length or chunks (decoded).
  struct Answer {
    int status = 0;
    std::string head, body;
    bool truncated = false;  ///< the connection ended inside it
    std::string header(std::string_view name) const;
  };
  Answer answer(bool head_only = false);
  Answer ask(std::string_view request) {
    send(request);
    return answer();
  }
  std::string read_until(std::string_view end);
  std::string read_some();  ///< what is there, at least one byte; empty at the end of the connection
  std::string read_exactly(size_t);
  std::string read_to_end();
  bool closed(std::chrono::milliseconds within = 5s);  ///< the server ends the connection without a further byte
  void shutdown_send();
  void close() { fd_.reset(); }
  void reset();  ///< closes with RST
  int fd() const { return fd_.get(); }

 private:
  bool fill(std::chrono::milliseconds = 10s);
  base::Fd fd_;
  std::string buffer_;
  bool end_ = false;
};

std::string get(std::string_view path, std::string_view more_headers = {});
std::string post(std::string_view path, std::string_view body, std::string_view more_headers = {});

/// A gate that a handler waits at.
class Latch {
 public:
  void open();
  void wait();
  void wait_for_waiting(int n);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

/// Routes: GET /health (no_block), GET /hello/{name}, POST /echo (64 KiB), POST /ignore, GET /wait (at `latch`), GET /throw/{what}, DELETE
/// /thing, GET /stream (source made by `make_source`), GET /roles/{view|run|admin}.
class TestServer {
 public:
  explicit TestServer(ServerLimits = {}, AccessRules = {}, std::optional<Tls> = {});
  ~TestServer();
  std::string address() const { return server_->addresses().front(); }
  Server& server() { return *server_; }
  void destroy() { server_.reset(); }
  Latch latch;
  std::function<std::unique_ptr<StreamSource>()> make_source;

 private:
  void add_routes();
  Router router_;
  std::unique_ptr<Server> server_;
};

/// Waits for what another thread brings about; polls, because the kernel tells nobody.
bool eventually(const std::function<bool()>&, std::chrono::milliseconds within = 10s);
int threads_of_this_process();

/// A source that a test feeds.
class FedSource {
 public:
  struct State;
  FedSource();
  std::unique_ptr<StreamSource> source() const;
  void feed(std::string_view) const;
  void end() const;
  bool gone() const;  ///< the server has let go of it
  bool drained() const;
  size_t taken() const;  ///< bytes that the server has pulled

 private:
  std::shared_ptr<State> state_;
};

}  // namespace operon::http::test

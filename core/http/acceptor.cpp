#include "core/http/acceptor.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/Net/TCPServerConnection.h>
#include <Poco/Net/TCPServerConnectionFactory.h>
#include <Poco/Net/TCPServerParams.h>
#include <Poco/ThreadPool.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "core/base/text.hpp"
#include "core/log/log.hpp"
#include "operon/error.hpp"

namespace operon::http {

namespace {

using Poco::Net::SocketAddress;

constexpr int backlog = 1024;
constexpr auto no_descriptor_pause = std::chrono::milliseconds(100);

std::string address_text(const SocketAddress& a) {
  std::string host = a.host().toString();
  if (host.starts_with("::ffff:") && host.find('.') != std::string::npos) host.erase(0, 7);
  return host;
}

/// An accepted socket that gives its descriptor away.
class AcceptedSocket : public Poco::Net::StreamSocketImpl {
 public:
  AcceptedSocket(int fd, Gate& gate) : StreamSocketImpl(fd), arrival_(std::in_place, gate) {}
  base::Fd take() {
    std::lock_guard lock(mutex_);
    base::Fd fd(sockfd());
    reset();
    return fd;
  }
  /// It has entered, or was turned away.
  void arrived() {
    std::lock_guard lock(mutex_);
    arrival_.reset();
  }

 protected:
  // The accepting thread and the one that hands over both hold this object, and either may be the last. Poco's count orders them; the lock
  // says so once more, where ThreadSanitizer can see it (Poco's libraries are not built for it).
  ~AcceptedSocket() override { std::lock_guard lock(mutex_); }

 private:
  std::mutex mutex_;
  std::optional<Gate::Arrival> arrival_;
};

/// Poco's TCPServer asks its socket whether there is a connection, then for it. Here those two questions also keep the limits: no accept
/// while all places are taken (peers wait in the kernel's queue), no busy loop when descriptors have run out, and descriptors that programs
/// we start do not inherit.
class ListeningSocket : public Poco::Net::ServerSocketImpl {
 public:
  ListeningSocket(Gate& gate, const std::function<void(const char*)>& refused, int stop_event)
      : gate_(gate), refused_(refused), stop_event_(stop_event) {}

  /// Waits for as long as it takes: Poco would wake up four times a second to see whether it is to stop, we are told.
  bool poll(const Poco::Timespan& timeout, int) override {
    if (!gate_.wait_for_room(std::chrono::milliseconds(timeout.totalMilliseconds()))) {
      if (!full_) refused_("connections_max");
      full_ = true;
      return false;
    }
    full_ = false;
    std::array<pollfd, 2> fds{{{sockfd(), POLLIN, 0}, {stop_event_, POLLIN, 0}}};
    return ::poll(fds.data(), fds.size(), -1) > 0 && fds[1].revents == 0;
  }

  Poco::Net::SocketImpl* acceptConnection(SocketAddress& peer) override {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    int fd = -1;
    do {
      fd = ::accept4(sockfd(), reinterpret_cast<sockaddr*>(&address), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
      const int error = errno;
      if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
        log::warn("connections wait: the system has no descriptor or memory for them", {{"reason", std::strerror(error)}});
        refused_("no_descriptor");
        std::this_thread::sleep_for(no_descriptor_pause);
      }
      throw Poco::Net::NetException("accept", error);
    }
    peer = SocketAddress(reinterpret_cast<const sockaddr*>(&address), length);
    return new AcceptedSocket(fd, gate_);
  }

 private:
  Gate& gate_;
  const std::function<void(const char*)>& refused_;
  const int stop_event_;
  bool full_ = false;
};

class Listener : public Poco::Net::ServerSocket {
 public:
  explicit Listener(ListeningSocket* impl) : ServerSocket(impl, true) {}
};

/// Lives for the moment between Poco's queue and the reactor.
class HandOver : public Poco::Net::TCPServerConnection {
 public:
  HandOver(const Poco::Net::StreamSocket& s, Gate& gate, const Acceptor::Sink& sink, const std::function<void(const char*)>& refused)
      : TCPServerConnection(s), gate_(gate), sink_(sink), refused_(refused) {}

  void run() override {
    auto& accepted = *static_cast<AcceptedSocket*>(socket().impl());
    base::Fd fd;
    try {
      std::string local = address_text(accepted.address());
      std::string peer = address_text(accepted.peerAddress());
      fd = accepted.take();
      Gate::Pass pass = gate_.enter(std::move(peer));
      accepted.arrived();
      if (!pass) {
        refused_("connections_per_address_max");
        return;
      }
      sink_(std::move(fd), std::move(pass), std::move(local));
    } catch (const std::exception& e) {
      if (!fd) fd = accepted.take();
      log::debug("a connection was lost before it could be served", {{"reason", e.what()}});
    }
  }

 private:
  Gate& gate_;
  const Acceptor::Sink& sink_;
  const std::function<void(const char*)>& refused_;
};

class HandOverFactory : public Poco::Net::TCPServerConnectionFactory {
 public:
  HandOverFactory(Gate& gate, const Acceptor::Sink& sink, const std::function<void(const char*)>& refused)
      : gate_(gate), sink_(sink), refused_(refused) {}
  Poco::Net::TCPServerConnection* createConnection(const Poco::Net::StreamSocket& s) override {
    return new HandOver(s, gate_, sink_, refused_);
  }

 private:
  Gate& gate_;
  const Acceptor::Sink& sink_;
  const std::function<void(const char*)>& refused_;
};

struct Entry {
  std::string host;
  uint16_t port = 0;
};

/// "127.0.0.1:8080", "[::1]:8080", ":8081", "localhost:8080".
Entry parse_entry(const std::string& text) {
  const auto bad = [&]() -> Error {
    return Error(Code::invalid_argument, "listen address '" + base::printable(text) + "' is not HOST:PORT, [IPV6]:PORT or :PORT");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw bad();
  Entry e;
  e.host = text.substr(0, colon);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, e.port);
  if (error != std::errc() || stop != end) throw bad();
  if (e.host.starts_with('[') && e.host.ends_with(']')) {
    e.host = e.host.substr(1, e.host.size() - 2);
  } else if (e.host.find(':') != std::string::npos) {
    throw bad();
  }
  // A name may have two addresses; the one that everything finds is this.
  if (e.host == "localhost") e.host = "127.0.0.1";
  return e;
}

void bind(Listener& socket, const std::string& host, uint16_t port, bool ipv6_only) {
  const SocketAddress address(host, port);
  if (address.family() == SocketAddress::IPv6) {
    socket.bind6(address, true, false, ipv6_only);
  } else {
    socket.bind(address, true, false);
  }
  ::fcntl(socket.impl()->sockfd(), F_SETFD, FD_CLOEXEC);
  socket.listen(backlog);
  // Between the question and the accept a peer may have gone; the accept must not wait for the next one.
  socket.setBlocking(false);
}

std::string reason_of(const Poco::Exception& e) {
  return e.code() != 0 ? std::strerror(e.code()) : e.displayText();
}

}  // namespace

struct Acceptor::Impl {
  Gate& gate;
  Sink sink;
  std::function<void(const char*)> refused;
  base::Fd stop_event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::vector<Listener> listeners;
  Poco::ThreadPool pool;
  std::vector<std::unique_ptr<Poco::Net::TCPServer>> servers;
  bool running = false;

  Impl(const std::string& name, size_t count, Gate& g, Sink s, std::function<void(const char*)> r)
      : gate(g), sink(std::move(s)), refused(std::move(r)), pool(name + "-accept", 1, static_cast<int>(std::max<size_t>(count, 1)), 10) {}

  void listen(const std::string& text) {
    const Entry e = parse_entry(text);
    try {
      if (!e.host.empty()) return listen_on(e.host, e.port, true);
      try {
        listen_on("::", e.port, false);
      } catch (const Poco::Exception& x) {
        if (x.code() != EAFNOSUPPORT && x.code() != EADDRNOTAVAIL) throw;
        listen_on("0.0.0.0", e.port, true);  // a machine without IPv6
      }
    } catch (const Poco::Exception& x) {
      throw Error(Code::unavailable, "cannot listen on " + text + ": " + reason_of(x) + "; choose another address or stop what uses it");
    }
  }

  void listen_on(const std::string& host, uint16_t port, bool ipv6_only) {
    Listener socket(new ListeningSocket(gate, refused, stop_event.get()));
    bind(socket, host, port, ipv6_only);
    listeners.push_back(std::move(socket));
  }
};

Acceptor::Acceptor(const std::string& name, const std::vector<std::string>& listen, Gate& gate, Sink sink,
                   std::function<void(const char*)> refused)
    : impl_(std::make_unique<Impl>(name, listen.size(), gate, std::move(sink), std::move(refused))) {
  for (const std::string& entry : listen) impl_->listen(entry);
}

Acceptor::~Acceptor() {
  stop();
}

void Acceptor::start() {
  for (Listener& listener : impl_->listeners) {
    auto* params = new Poco::Net::TCPServerParams;  // owned by the server
    params->setMaxThreads(1);
    params->setMaxQueued(backlog);
    params->setThreadIdleTime(Poco::Timespan(1, 0));
    auto* factory = new HandOverFactory(impl_->gate, impl_->sink, impl_->refused);  // owned by the server
    impl_->servers.push_back(std::make_unique<Poco::Net::TCPServer>(factory, impl_->pool, listener, params));
    impl_->servers.back()->start();
  }
  impl_->running = true;
}

void Acceptor::stop() {
  if (impl_->running) {
    impl_->running = false;
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(impl_->stop_event.get(), &one, sizeof(one));
    for (auto& server : impl_->servers) server->stop();
    impl_->pool.joinAll();
  }
  impl_->servers.clear();
  // Poco's sockets close with their last copy; peers that wait in the kernel's queue are refused from here on.
  impl_->listeners.clear();
}

std::vector<std::string> Acceptor::addresses() const {
  std::vector<std::string> out;
  for (const Listener& l : impl_->listeners) out.push_back(l.address().toString());
  return out;
}

}  // namespace operon::http

#include "client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cctype>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "operon/error.hpp"

namespace operon::http::test {

Peer::Peer(const std::string& address, int receive_buffer) {
  const size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  fd_ = base::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer > 0) ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) throw std::runtime_error("cannot connect to " + address);
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

bool Peer::try_send(std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    data.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

void Peer::send(std::string_view data) {
  if (!try_send(data)) throw std::runtime_error("the server has closed the connection");
}

bool Peer::fill(std::chrono::milliseconds within) {
  if (end_) return false;
  pollfd p{fd_.get(), POLLIN, 0};
  if (::poll(&p, 1, static_cast<int>(within.count())) <= 0)
    throw std::runtime_error("nothing came from the server in time; so far: " + buffer_.substr(0, 200));
  char piece[65536];
  const ssize_t n = ::recv(fd_.get(), piece, sizeof(piece), 0);
  if (n <= 0) {
    end_ = true;
    return false;
  }
  buffer_.append(piece, static_cast<size_t>(n));
  return true;
}

std::string Peer::read_until(std::string_view end) {
  size_t at = 0;
  while ((at = buffer_.find(end)) == std::string::npos) {
    if (!fill()) return std::exchange(buffer_, {});
  }
  std::string out = buffer_.substr(0, at + end.size());
  buffer_.erase(0, out.size());
  return out;
}

std::string Peer::read_some() {
  if (buffer_.empty()) fill();
  return std::exchange(buffer_, {});
}

std::string Peer::read_exactly(size_t n) {
  while (buffer_.size() < n && fill()) {
  }
  std::string out = buffer_.substr(0, n);
  buffer_.erase(0, out.size());
  return out;
}

std::string Peer::read_to_end() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

bool Peer::closed(std::chrono::milliseconds within) {
  if (!buffer_.empty()) return false;
  return !fill(within);
}

void Peer::shutdown_send() {
  ::shutdown(fd_.get(), SHUT_WR);
}

void Peer::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  fd_.reset();
}

std::string Peer::Answer::header(std::string_view name) const {
  std::string lower_head, lower_name = "\r\n";
  for (const char c : head) lower_head += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char c : name) lower_name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const size_t at = lower_head.find(lower_name + ": ");
  if (at == std::string::npos) return {};
  const size_t begin = at + lower_name.size() + 2;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

Peer::Answer Peer::answer(bool head_only) {
  Answer a;
  a.head = read_until("\r\n\r\n");
  if (!a.head.ends_with("\r\n\r\n")) {
    a.truncated = true;
    return a;
  }
  a.status = std::stoi(a.head.substr(9, 3));
  if (head_only || a.status == 204 || a.status == 101 || a.status < 200) return a;
  if (a.header("Transfer-Encoding") == "chunked") {
    while (true) {
      const std::string line = read_until("\r\n");
      if (!line.ends_with("\r\n")) {
        a.truncated = true;
        return a;
      }
      const size_t n = std::stoul(line, nullptr, 16);
      const std::string piece = read_exactly(n + 2);
      a.truncated = piece.size() != n + 2;
      a.body += piece.substr(0, std::min(n, piece.size()));
      if (n == 0 || a.truncated) return a;
    }
  }
  if (const std::string length = a.header("Content-Length"); !length.empty()) {
    a.body = read_exactly(std::stoul(length));
    a.truncated = a.body.size() != std::stoul(length);
  } else {
    a.body = read_to_end();
  }
  return a;
}

std::string get(std::string_view path, std::string_view more) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more) + "\r\n";
}

std::string post(std::string_view path, std::string_view body, std::string_view more) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more) + "\r\n" + std::string(body);
}

void Latch::open() {
  std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

void Latch::wait() {
  std::unique_lock lock(mutex_);
  ++waiting_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return open_; });
  --waiting_;
}

void Latch::wait_for_waiting(int n) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, 10s, [&] { return waiting_ >= n; })) throw std::runtime_error("too few handlers are waiting");
}

TestServer::TestServer(ServerLimits limits, AccessRules rules, std::optional<Tls> tls) {
  add_routes();
  server_ = std::make_unique<Server>("test", std::vector<std::string>{"127.0.0.1:0"}, router_, limits, std::move(rules), std::move(tls));
  server_->start();
}

TestServer::~TestServer() {
  latch.open();
}

void TestServer::add_routes() {
  auto ok = [](const Request&) { return Response::json(200, R"({"status":"healthy"})"); };
  std::vector<Route> routes;
  auto add = [&](Method method, std::string pattern, Role role, Handler handler) -> Route& {
    Route r;
    r.method = method;
    r.pattern = std::move(pattern);
    r.role = role;
    r.handler = std::move(handler);
    return routes.emplace_back(std::move(r));
  };
  add(Method::get, "/health", Role::anyone, ok).no_block = true;
  add(Method::get, "/hello/{name}", Role::view, [](const Request& r) {
    std::string text = r.params.at("name") + "|" + r.path + "|" + r.caller.name + "|" + r.request_id;
    for (const auto& [k, v] : r.query) text += "|" + k + "=" + v;
    return Response::json(200, text);
  });
  add(Method::post, "/echo", Role::run, [](const Request& r) {
    Response out = Response::json(200, {});
    out.body = r.body;
    return out;
  });
  add(Method::post, "/ignore", Role::run, [](const Request& r) {
    return Response::json(202, "ignored " + std::to_string(r.body.size()));
  }).ignores_body = true;
  add(Method::get, "/wait", Role::view, [this](const Request&) {
    latch.wait();
    return Response::json(200, "waited");
  });
  add(Method::get, "/throw/{what}", Role::view, [](const Request& r) -> Response {
    const std::string what = r.params.at("what");
    if (what == "int") throw 42;
    if (what == "std") throw std::runtime_error("database password is hunter2");
    if (what == "none") return Response{};
    throw Error(Code::failed_precondition, "value 'x' is refused");
  });
  add(Method::get, "/throw-inline", Role::view, [](const Request&) -> Response { throw 42; }).no_block = true;
  add(Method::get, "/split", Role::view, [](const Request&) {
    Response r = Response::json(200, "{}");
    r.headers.emplace_back("X-Bad", "a\r\nX-Injected: yes");
    r.interim_status = 102;
    return r;
  });
  add(Method::del, "/thing", Role::admin, ok);
  add(Method::get, "/stream", Role::view, [this](const Request&) {
    Response r;
    r.content_type = "text/plain; charset=utf-8";
    r.stream = make_source();
    r.websocket = true;
    return r;
  });
  router_.add(std::move(routes));
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds within) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

int threads_of_this_process() {
  int n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++n;
  return n;
}

struct FedSource::State {
  std::mutex mutex;
  std::string data;
  std::function<void()> waker;
  bool ended = false, gone = false, drained = false;
  size_t taken = 0;
};

namespace {

class Source : public StreamSource {
 public:
  explicit Source(std::shared_ptr<FedSource::State> s) : state_(std::move(s)) {}
  ~Source() override {
    std::lock_guard lock(state_->mutex);
    state_->gone = true;
  }
  Got read(std::string& into, size_t max) override {
    std::lock_guard lock(state_->mutex);
    const size_t n = std::min(max, state_->data.size());
    into.append(state_->data, 0, n);
    state_->data.erase(0, n);
    state_->taken += n;
    if (!state_->data.empty()) return Got::data;
    if (state_->drained) into += "ERROR: stopping\n";
    if (state_->ended || state_->drained) return Got::end;
    return n > 0 ? Got::data : Got::wait;
  }
  void set_waker(std::function<void()> w) override {
    std::lock_guard lock(state_->mutex);
    state_->waker = std::move(w);
  }
  void drain() override {
    std::lock_guard lock(state_->mutex);
    state_->drained = true;
  }
  std::string dropped_marker() const override { return "[dropped]\n"; }

 private:
  std::shared_ptr<FedSource::State> state_;
};

}  // namespace

FedSource::FedSource() : state_(std::make_shared<State>()) {}
std::unique_ptr<StreamSource> FedSource::source() const {
  return std::make_unique<Source>(state_);
}

void FedSource::feed(std::string_view data) const {
  std::function<void()> waker;
  {
    std::lock_guard lock(state_->mutex);
    state_->data.append(data);
    waker = state_->waker;
  }
  if (waker) waker();
}

void FedSource::end() const {
  std::function<void()> waker;
  {
    std::lock_guard lock(state_->mutex);
    state_->ended = true;
    waker = state_->waker;
  }
  if (waker) waker();
}

bool FedSource::gone() const {
  std::lock_guard lock(state_->mutex);
  return state_->gone;
}
bool FedSource::drained() const {
  std::lock_guard lock(state_->mutex);
  return state_->drained;
}
size_t FedSource::taken() const {
  std::lock_guard lock(state_->mutex);
  return state_->taken;
}

}  // namespace operon::http::test

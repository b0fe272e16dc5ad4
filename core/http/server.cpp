#include "core/http/server.hpp"

#include <algorithm>
#include <csignal>

#include "core/http/acceptor.hpp"
#include "core/http/connection.hpp"
#include "core/http/core.hpp"
#include "core/log/log.hpp"
#include "operon/error.hpp"

namespace operon::http {

Core::Core(std::string n, const Router& r, ServerLimits l, AccessRules a, std::unique_ptr<TlsContext> t)
    : name(std::move(n)),
      router(r),
      limits(l),
      rules(std::move(a)),
      tls(std::move(t)),
      metrics(name, router),
      gate(limits.connections_max, limits.connections_per_address_max, metrics.connections),
      streams(name, limits, metrics),
      workers(name, limits.worker_threads_max, limits.requests_queued_max),
      reviewers(name + "-auth", limits.review_threads_max, limits.reviews_queued_max) {}

void Core::limit_hit(std::string_view limit) const {
  metrics.refused(limit);
  const int64_t now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  int64_t before = limit_said_s.load();
  if (before != now && limit_said_s.compare_exchange_strong(before, now))
    log::warn("a limit of the HTTP server was reached", {{"server", name}, {"limit", limit}});
}

namespace {

constexpr auto cut_wait = std::chrono::seconds(1);  // for connections to go that have been cut

}  // namespace

struct Server::Impl {
  std::string name;
  std::vector<std::string> listen, bound;
  const Router& router;
  ServerLimits limits;
  AccessRules rules;
  std::optional<Tls> tls;

  std::unique_ptr<Core> core;
  std::unique_ptr<Acceptor> acceptor;
  std::vector<std::unique_ptr<Loop>> reactors;
  std::atomic<size_t> next{0};

  void adopt(base::Fd fd, Gate::Pass pass, std::string local_address) {
    Loop& loop = *reactors[next++ % reactors.size()];
    // Made here, so that a connection which cannot be made is the acceptor's to report.
    auto connection = std::make_shared<std::unique_ptr<Connection>>(
        std::make_unique<Connection>(loop, *core, std::move(fd), std::move(pass), std::move(local_address)));
    loop.post([&loop, connection] { loop.add(std::move(*connection)); });
  }

  template <typename Fn>
  void each_connection(Fn fn) {
    for (auto& loop : reactors) {
      loop->post([l = loop.get(), fn] { l->for_each([&](LoopItem& item) { fn(static_cast<Connection&>(item)); }); });
    }
  }

  void cut() {
    each_connection([](Connection& c) { c.cut(); });
    core->streams.cut();
  }

  void stop_hard() {
    if (!core) return;
    acceptor->stop();
    core->draining = true;
    cut();
    core->reviewers.stop();
    core->workers.stop();  // waits for handlers
    for (auto& loop : reactors) loop->stop();
    acceptor.reset();
    reactors.clear();
    core.reset();
  }
};

Server::Server(std::string name, std::vector<std::string> listen, const Router& router, ServerLimits limits, AccessRules access,
               std::optional<Tls> tls)
    : impl_(new Impl{std::move(name), std::move(listen), {}, router, limits, std::move(access), std::move(tls), nullptr, nullptr, {}, {}}) {
}

Server::~Server() {
  impl_->stop_hard();
}

void Server::start() {
  Impl& s = *impl_;
  if (s.core) throw Error(Code::failed_precondition, "the HTTP server '" + s.name + "' has been started before");
  // A write to a connection that is gone is an error, not the end of the process (OpenSSL writes without MSG_NOSIGNAL).
  std::signal(SIGPIPE, SIG_IGN);
  auto core = std::make_unique<Core>(s.name, s.router, s.limits, s.rules, s.tls ? std::make_unique<TlsContext>(*s.tls) : nullptr);
  auto acceptor = std::make_unique<Acceptor>(
      s.name, s.listen, core->gate,
      [&s](base::Fd fd, Gate::Pass pass, std::string local) { s.adopt(std::move(fd), std::move(pass), std::move(local)); },
      [c = core.get()](const char* reason) { c->limit_hit(reason); });
  s.bound = acceptor->addresses();
  std::vector<std::string> hosts = s.listen;
  hosts.insert(hosts.end(), s.bound.begin(), s.bound.end());
  core->access = std::make_unique<AccessCheck>(s.rules, hosts, s.tls.has_value());
  for (unsigned i = 0; i < std::max(1u, s.limits.reactor_threads); ++i) {
    s.reactors.push_back(std::make_unique<Loop>(s.name.substr(0, 9) + "-r" + std::to_string(i)));
  }
  s.core = std::move(core);
  s.acceptor = std::move(acceptor);
  s.acceptor->start();
  for (const std::string& address : s.bound)
    log::info("serving", {{"server", s.name}, {"address", address}, {"tls", s.tls ? "yes" : "no"}});
}

std::vector<std::string> Server::addresses() const {
  return impl_->bound;
}

bool Server::drain(std::chrono::milliseconds grace) {
  Impl& s = *impl_;
  if (!s.core) return true;
  const auto deadline = std::chrono::steady_clock::now() + grace;
  s.acceptor->stop();
  s.core->draining = true;
  s.core->streams.drain();
  s.each_connection([](Connection& c) { c.close_if_idle(); });
  if (s.core->gate.wait_for_empty(deadline)) return true;
  log::warn("connections are cut: they did not end within the grace time",
            {{"server", s.name}, {"connections", std::to_string(s.core->gate.count())}});
  s.cut();
  s.core->gate.wait_for_empty(std::chrono::steady_clock::now() + cut_wait);
  return false;
}

}  // namespace operon::http

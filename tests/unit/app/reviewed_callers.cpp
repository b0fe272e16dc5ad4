#include "core/app/operond/reviewed_callers.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/manual_clock.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace std::chrono_literals;
using http::Admission;
using http::Role;

namespace {

/// "ann" may everything, "vic" may view, "away" has no answer, the rest is unknown.
struct Cluster {
  Admission operator()(const std::string& token, Role role) {
    ++asked;
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return open; });
    if (away || token == "away") throw Error(Code::unavailable, "the API server is away");
    if (token == "odd") throw std::runtime_error("innards");
    if (token == "ann" && !revoked) return {Admission::Answer::allowed, {"ann", role}};
    if (token != "vic" && token != "ann") return {};
    if (role == Role::view && !revoked) return {Admission::Answer::allowed, {"vic", role}};
    return {Admission::Answer::forbidden, {token, role}, "may not"};
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool open = true, away = false, revoked = false;
  std::atomic<int> asked{0};
};

struct Bench {
  explicit Bench(app::ReviewLimits limits = {}) : callers([this](const std::string& t, Role r) { return cluster(t, r); }, clock, limits) {}
  Admission::Answer ask(const std::string& token, Role role = Role::view) { return callers.review("Bearer " + token, role).answer; }
  bool known(const std::string& token, Role role = Role::view) { return callers.known("Bearer " + token, role).has_value(); }
  base::ManualClock clock;
  Cluster cluster;
  app::ReviewedCallers callers;
};

constexpr auto allowed = Admission::Answer::allowed, unknown = Admission::Answer::unknown, forbidden = Admission::Answer::forbidden,
               unavailable = Admission::Answer::unavailable;

}  // namespace

TEST_CASE("an answer is kept for its time, for the same token and role alone") {
  Bench b;
  CHECK_FALSE(b.known("vic"));
  CHECK(b.ask("vic") == allowed);
  CHECK(b.known("vic"));
  CHECK(b.ask("vic") == allowed);
  CHECK(b.callers.known("bearer vic", Role::view)->caller.name == "vic");
  CHECK(b.cluster.asked == 1);
  CHECK_FALSE(b.known("vic", Role::run));
  CHECK(b.ask("vic", Role::run) == forbidden);
  CHECK(b.callers.known("Bearer vic", Role::run)->message == "may not");
  CHECK(b.ask("stranger") == unknown);
  CHECK(b.cluster.asked == 3);
  b.clock.advance(4999ms);
  CHECK(b.known("stranger"));
  CHECK(b.known("vic", Role::run));
  b.clock.advance(1ms);
  CHECK_FALSE(b.known("stranger"));
  CHECK_FALSE(b.known("vic", Role::run));
  b.clock.advance(4999ms);
  CHECK(b.known("vic"));
  b.clock.advance(1ms);
  CHECK_FALSE(b.known("vic"));
}

TEST_CASE("a right that was taken away is gone when its time is up") {
  Bench b;
  CHECK(b.ask("ann", Role::run) == allowed);
  b.cluster.revoked = true;
  CHECK(b.ask("ann", Role::run) == allowed);
  b.clock.advance(10s);
  CHECK(b.ask("ann", Role::run) == forbidden);
}

TEST_CASE("what is no bearer token is nobody's, and the cluster is not asked") {
  Bench b;
  const std::vector<std::string> headers{"",           "Bearer",      "Bearer ",     "Basic YTpi",
                                         "Bearer a b", "Bearer a\"b", "Bearer \xff", "Bearer " + std::string(8193, 'a')};
  for (const auto& header : headers) {
    INFO(header);
    const auto known = b.callers.known(header, Role::view);
    REQUIRE(known);
    CHECK(known->answer == unknown);
    CHECK(b.callers.review(header, Role::view).answer == unknown);
  }
  CHECK(b.cluster.asked == 0);
  CHECK(b.callers.entries() == 0);
}

TEST_CASE("without an answer nobody gets in, nobody asks again at once, and what is known counts on") {
  Bench b;
  CHECK(b.ask("vic") == allowed);
  b.cluster.away = true;
  const auto answer = b.callers.review("Bearer ann", Role::view);
  CHECK(answer.answer == unavailable);
  CHECK(answer.message == "the API server is away");
  CHECK(b.cluster.asked == 2);
  CHECK(b.callers.known("Bearer other", Role::view)->answer == unavailable);
  CHECK(b.ask("ann") == unavailable);
  CHECK(b.cluster.asked == 2);
  CHECK(b.ask("vic") == allowed);
  b.clock.advance(1s);
  CHECK_FALSE(b.known("ann"));
  b.cluster.away = false;
  CHECK(b.ask("ann") == allowed);
  CHECK(b.cluster.asked == 3);
  CHECK_FALSE(b.known("other"));
}

TEST_CASE("a reviewer that breaks is an outage without its words") {
  Bench b;
  const auto answer = b.callers.review("Bearer odd", Role::view);
  CHECK(answer.answer == unavailable);
  CHECK(answer.message.find("innards") == std::string::npos);
}

TEST_CASE("the cluster is asked once for all who wait for the same answer") {
  Bench b;
  b.cluster.open = false;
  std::atomic<int> in{0}, begun{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      ++begun;
      if (b.ask("ann", Role::run) == allowed) ++in;
    });
  }
  threads.emplace_back([&] {
    if (b.ask("vic") == allowed) ++in;
  });
  while (begun < 16 || b.cluster.asked < 2) std::this_thread::yield();
  {
    std::lock_guard lock(b.cluster.mutex);
    b.cluster.open = true;
    b.cluster.changed.notify_all();
  }
  for (auto& t : threads) t.join();
  CHECK(in == 17);
  CHECK(b.cluster.asked == 2);
}

TEST_CASE("strangers do not push out those who are known") {
  app::ReviewLimits limits;
  limits.entries_max = 10;
  Bench b(limits);
  CHECK(b.ask("ann") == allowed);
  CHECK(b.ask("vic") == allowed);
  for (int i = 0; i < 100; ++i) CHECK(b.ask("stranger" + std::to_string(i)) == unknown);
  CHECK(b.callers.entries() == 10);
  CHECK(b.known("ann"));
  CHECK(b.known("vic"));
  CHECK(b.known("stranger99"));
  CHECK_FALSE(b.known("stranger0"));
}

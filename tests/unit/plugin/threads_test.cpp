#include <catch2/catch.hpp>
#include <thread>

#include "core/plugin/executor.hpp"
#include "core/plugin/timers.hpp"
#include "tests/unit/plugin/fixture.hpp"

using namespace operon::plugin;
using namespace std::chrono_literals;

TEST_CASE("timers run in the order of their times and not after a cancel") {
  Timers timers;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int> ran;
  auto note = [&](int n) {
    return [&, n] {
      std::lock_guard lock(mutex);
      ran.push_back(n);
      changed.notify_all();
    };
  };
  auto now = std::chrono::steady_clock::now();
  timers.add(now + 30ms, note(3));
  timers.add(now + 10ms, note(1));
  Timers::Id dropped = timers.add(now + 20ms, note(2));
  CHECK(timers.cancel(dropped));
  CHECK_FALSE(timers.cancel(dropped));
  std::unique_lock lock(mutex);
  REQUIRE(changed.wait_for(lock, 10s, [&] { return ran.size() == 2; }));
  CHECK(ran == std::vector<int>{1, 3});
  lock.unlock();
  timers.stop();
  CHECK(timers.add(now, note(4)) == 0);
}

TEST_CASE("the executor has at most so many threads, and so many tasks in its queue") {
  auto executor = std::make_shared<Executor>(2, 3);
  std::mutex mutex;
  std::condition_variable changed;
  bool go = false;
  int ran = 0, dropped = 0, inside = 0;
  auto task = [&](bool run) {
    std::unique_lock lock(mutex);
    if (!run) return void(++dropped);
    ++inside;
    changed.notify_all();
    changed.wait(lock, [&] { return go; });
    ++ran;
  };
  CHECK(executor->submit(task) == Executor::Submitted::taken);
  CHECK(executor->submit(task) == Executor::Submitted::taken);
  {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, 10s, [&] { return inside == 2; }));
  }
  for (int i = 0; i < 3; ++i) CHECK(executor->submit(task) == Executor::Submitted::taken);
  CHECK(executor->submit(task) == Executor::Submitted::full);
  CHECK(executor->threads() == 2);
  {
    std::lock_guard lock(mutex);
    CHECK(inside == 2);
  }
  executor->stop();
  CHECK(executor->submit(task) == Executor::Submitted::stopped);
  {
    std::lock_guard lock(mutex);
    CHECK(dropped == 3);
    go = true;
  }
  changed.notify_all();
  CHECK(executor->wait_ended(std::chrono::steady_clock::now() + 10s));
  CHECK(ran == 2);
}

TEST_CASE("a paused executor keeps its tasks until it is resumed") {
  auto executor = std::make_shared<Executor>(2, 10);
  std::atomic<int> ran{0};
  executor->pause();
  for (int i = 0; i < 5; ++i) executor->submit([&](bool run) { ran += run; });
  CHECK(executor->threads() == 0);
  CHECK(executor->wait_idle(std::chrono::steady_clock::now()));
  CHECK(ran == 0);
  executor->resume();
  CHECK(test::eventually([&] { return ran == 5; }));
  executor->stop();
  CHECK(executor->wait_ended(std::chrono::steady_clock::now() + 10s));
}

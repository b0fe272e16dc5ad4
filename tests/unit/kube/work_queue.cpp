#include "core/kube/work_queue.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "core/base/manual_clock.hpp"

using namespace operon;
using namespace operon::kube;
using std::chrono::milliseconds;

namespace {

struct Fixture {
  base::ManualClock clock;
  WorkQueue queue{{{milliseconds(100), milliseconds(1000)}, 5}, clock, Random(1)};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a key that waits is there once") {
  CHECK(queue.add("a"));
  CHECK(queue.add("a"));
  CHECK(queue.add("b"));
  CHECK(queue.try_take() == "a");
  CHECK(queue.try_take() == "b");
  CHECK_FALSE(queue.try_take());
}

TEST_CASE_METHOD(Fixture, "a key is never worked on twice at a time, and comes again when it was added meanwhile") {
  queue.add("a");
  REQUIRE(queue.try_take() == "a");
  queue.add("a");
  CHECK_FALSE(queue.try_take());
  queue.done("a");
  CHECK(queue.try_take() == "a");
  queue.done("a");
  CHECK_FALSE(queue.try_take());
}

TEST_CASE_METHOD(Fixture, "of several delays the shortest counts, and now is shorter than any") {
  queue.add_after("a", milliseconds(500));
  queue.add_after("a", milliseconds(200));
  queue.add_after("a", milliseconds(900));
  CHECK(queue.delayed() == 1);
  clock.advance(milliseconds(199));
  CHECK_FALSE(queue.try_take());
  clock.advance(milliseconds(1));
  CHECK(queue.try_take() == "a");
  queue.done("a");
  queue.add_after("a", milliseconds(500));
  queue.add("a");
  CHECK(queue.delayed() == 0);
  CHECK(queue.size() == 1);
}

TEST_CASE_METHOD(Fixture, "a key that fails comes later and later until it is forgotten") {
  for (int i = 0; i < 8; ++i) {
    queue.add_failed("a");
    clock.advance(milliseconds(1000));
    REQUIRE(queue.try_take() == "a");
    queue.done("a");
  }
  CHECK(queue.failures("a") == 8);
  queue.forget("a");
  CHECK(queue.failures("a") == 0);
  queue.add_failed("a");
  clock.advance(milliseconds(100));
  CHECK(queue.try_take() == "a");
  queue.done("a");
  queue.add_failed("a", 60'000);
  clock.advance(milliseconds(59'999));
  CHECK_FALSE(queue.try_take());
}

TEST_CASE_METHOD(Fixture, "a full queue refuses new keys and goes on taking known ones") {
  for (const char* key : {"1", "2", "3"}) CHECK(queue.add(key));
  CHECK(queue.add_after("4", milliseconds(10)));
  CHECK(queue.add_after("5", milliseconds(10)));
  CHECK_FALSE(queue.add("6"));
  CHECK_FALSE(queue.add_after("6", milliseconds(10)));
  CHECK(queue.add("1"));
  CHECK(queue.add("4"));
  REQUIRE(queue.try_take() == "1");
  CHECK(queue.add("6"));
}

TEST_CASE_METHOD(Fixture, "a waiting worker wakes for a key, for time that passes, and for the end") {
  clock.on_advance([this] { queue.look_again(); });
  std::vector<std::string> taken;
  std::thread worker([&] {
    while (auto key = queue.take()) {
      taken.push_back(*key);
      queue.done(*key);
    }
  });
  queue.add("a");
  queue.add_after("b", milliseconds(3600'000));
  clock.advance(milliseconds(3600'000));
  while (queue.size() + queue.delayed() != 0) std::this_thread::yield();
  queue.shut_down();
  worker.join();
  CHECK(taken == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(queue.add("c"));
}

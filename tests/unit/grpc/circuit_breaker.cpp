#include "core/grpc/circuit_breaker.hpp"

#include <catch2/catch.hpp>

#include "core/base/manual_clock.hpp"

using operon::base::ManualClock;
using operon::grpc_client::CircuitBreaker;
using std::chrono::milliseconds;
using State = CircuitBreaker::State;

namespace {

struct Fixture {
  ManualClock clock;
  CircuitBreaker breaker{
      {.failures_max = 3, .open_ms_first = milliseconds(1000), .open_ms_max = milliseconds(4000), .trial_ms_max = milliseconds(500)},
      clock};

  bool passes() { return !breaker.refuse(); }
  void open() {
    for (int i = 0; i < 3; ++i) breaker.failed("no answer");
  }
  void trial_fails() {
    REQUIRE(passes());
    breaker.failed("still none");
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "circuit breaker: only failures in a row open it") {
  breaker.failed("a");
  breaker.failed("b");
  CHECK(breaker.trouble() == "b");
  breaker.succeeded();
  CHECK(breaker.trouble().empty());
  breaker.failed("a");
  breaker.failed("b");
  CHECK(breaker.state() == State::closed);
  CHECK(passes());
  breaker.failed("c");
  CHECK(breaker.state() == State::open);
  CHECK(breaker.refuse() == milliseconds(1000));
}

TEST_CASE_METHOD(Fixture, "circuit breaker: one trial at a time, and its end decides") {
  open();
  clock.advance(milliseconds(999));
  CHECK(breaker.refuse() == milliseconds(1));
  clock.advance(milliseconds(1));
  CHECK(breaker.state() == State::half_open);
  CHECK(passes());
  CHECK_FALSE(passes());
  breaker.succeeded();
  CHECK(breaker.state() == State::closed);
  CHECK(passes());
  CHECK(passes());
}

TEST_CASE_METHOD(Fixture, "circuit breaker: each failed trial doubles the time, up to a limit") {
  open();
  for (const int ms : {1000, 2000, 4000, 4000}) {
    CHECK(breaker.refuse() == milliseconds(ms));
    clock.advance(milliseconds(ms));
    trial_fails();
  }
  clock.advance(milliseconds(4000));
  CHECK(passes());
  breaker.succeeded();
  open();
  CHECK(breaker.refuse() == milliseconds(1000));
}

TEST_CASE_METHOD(Fixture, "circuit breaker: those who had gone ahead do not prolong it") {
  open();
  breaker.failed("late");
  breaker.failed("later");
  CHECK(breaker.refuse() == milliseconds(1000));
}

TEST_CASE_METHOD(Fixture, "circuit breaker: a trial that says nothing makes room for the next") {
  open();
  clock.advance(milliseconds(1000));
  CHECK(passes());
  breaker.abandoned();
  CHECK(passes());
  CHECK(breaker.refuse() == milliseconds(500));
  clock.advance(milliseconds(500));  // it never reported
  CHECK(passes());
}

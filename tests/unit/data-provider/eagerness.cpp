#include "eagerness.hpp"

#include <catch2/catch.hpp>

using namespace operon::data_provider;
using std::chrono::microseconds;

namespace {

constexpr EagernessLimits limits{microseconds(75), microseconds(250), 3};

/// A clock and a queue in which `calls` wait at once, `gap` after those before.
struct Asked {
  Eagerness eagerness{limits};
  Eagerness::Clock::time_point now{};

  void call(microseconds gap, int calls = 1) {
    eagerness.empty();
    now += gap;
    for (int i = 0; i < calls; ++i) eagerness.call_came(now);
  }
  bool eager() const { return eagerness.spin() == limits.spin_us_max; }
  void make_eager() {
    for (int i = 0; i < 4; ++i) call(microseconds(100));
    REQUIRE(eager());
  }
};

}  // namespace

TEST_CASE("nobody looks for a call when none has come, or one now and then") {
  Asked asked;
  CHECK_FALSE(asked.eager());
  for (int i = 0; i < 100; ++i) {
    asked.call(microseconds(251));
    REQUIRE(asked.eagerness.spin().count() == 0);
  }
}

TEST_CASE("calls that come one upon the other are looked for, from the third gap on") {
  Asked asked;
  for (int i = 0; i < 3; ++i) {
    asked.call(microseconds(250));
    CHECK_FALSE(asked.eager());
  }
  asked.call(microseconds(250));
  CHECK(asked.eager());
  asked.call(microseconds(251));
  CHECK_FALSE(asked.eager());
}

TEST_CASE("who looked in vain sleeps until calls come quickly again") {
  Asked asked;
  asked.make_eager();
  asked.eagerness.in_vain();
  CHECK_FALSE(asked.eager());
  for (int i = 0; i < 2; ++i) asked.call(microseconds(1));
  CHECK_FALSE(asked.eager());
  asked.call(microseconds(1));
  CHECK(asked.eager());
}

TEST_CASE("nobody looks for calls that wait for each other") {
  Asked asked;
  asked.make_eager();
  for (int i = 0; i < 100; ++i) {
    asked.call(microseconds(100), 2);
    REQUIRE_FALSE(asked.eager());
  }
}

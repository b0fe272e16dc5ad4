#include <catch2/catch.hpp>

#include "core/base/clock_service.hpp"
#include "core/base/manual_clock.hpp"
#include "tests/unit/base/fake_service_call.hpp"

namespace operon::base {
namespace {

TEST_CASE("a manual clock moves only when told, wall and steady together") {
  ManualClock clock(1'000);
  auto steady = clock.steady();
  int told = 0;
  clock.on_advance([&] { ++told; });
  clock.advance(std::chrono::milliseconds(250));
  CHECK(clock.unix_ms() == 1'250);
  CHECK(clock.steady() - steady == std::chrono::milliseconds(250));
  CHECK(told == 1);
}

TEST_CASE("the clock service tells the time") {
  ManualClock clock(1'767'323'045'678);
  ClockService service(clock);
  auto call = std::make_shared<FakeServiceCall>("now", "{}");
  service.invoke(call);
  CHECK(call->wait() == "{\"unixMs\":1767323045678,\"steadyMs\":3600000}");
}

TEST_CASE("a sleep ends when its time has come, not before") {
  ManualClock clock;
  ClockService service(clock);
  clock.on_advance([&] { service.look_again(); });
  auto soon = std::make_shared<FakeServiceCall>("sleep", R"({"ms":100})");
  auto later = std::make_shared<FakeServiceCall>("sleep", R"({"ms":5000})");
  service.invoke(later);
  service.invoke(soon);
  clock.advance(std::chrono::milliseconds(100));
  CHECK(soon->wait() == "{}");
  CHECK_FALSE(later->ended());
  clock.advance(std::chrono::milliseconds(4'900));
  CHECK(later->wait() == "{}");
}

TEST_CASE("a sleep that is told to end early, and one that outlives the service, are cancelled") {
  ManualClock clock;
  auto cancelled = std::make_shared<FakeServiceCall>("sleep", R"({"ms":5000})");
  auto left = std::make_shared<FakeServiceCall>("sleep", R"({"ms":5000})");
  {
    ClockService service(clock);
    service.invoke(cancelled);
    service.invoke(left);
    cancelled->cancel();
    CHECK(cancelled->wait() == "error: the sleep was told to end early");
    CHECK_FALSE(left->ended());
  }
  CHECK(left->wait() == "error: the host is stopping");
  left->cancel();  // long after the service has gone
}

TEST_CASE("the clock service refuses what it does not understand") {
  ManualClock clock;
  ClockService service(clock);
  for (const char* request : {"{}", R"({"ms":-1})", R"({"ms":"5"})", R"({"ms":86400001})", "[]"}) {
    INFO(request);
    CHECK_THROWS_WITH(service.invoke(std::make_shared<FakeServiceCall>("sleep", request)),
                      "operon.host.clock/1 sleep: ms must be an integer from 0 to 86400000");
  }
  CHECK_THROWS_WITH(service.invoke(std::make_shared<FakeServiceCall>("stop", "{}")),
                    "operon.host.clock/1 has no verb 'stop', only now and sleep");
}

}  // namespace
}  // namespace operon::base

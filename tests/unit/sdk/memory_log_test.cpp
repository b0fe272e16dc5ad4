#include "operon/sdk/memory_log.hpp"

#include "subject.hpp"

using namespace operon;
using namespace operon::sdk;
using operon::testing::Options;

namespace {

struct Logger : Plugin {
  static inline std::shared_ptr<MemoryLog> log;
  void logs(AsyncCall<LogsAnswer> call, LogsRequest request) {
    log->serve(call, request);
    host().notify("test", "serving");
  }
  static auto interfaces() { return std::vector{Interface<Logger>{"test.log/1", {verb<&Logger::logs>("logs", streams)}}}; }
};

struct Running : subject::Running<Logger> {
  Running() { Logger::log = std::make_shared<MemoryLog>(10); }
  operon::testing::PendingCall follow(uint64_t offset, Options options = {}) {
    auto call = start("test.log/1", "logs", LogsRequest{"j", {}, offset, true}, options);
    CHECK(wait_for_notification({"test", "serving"}, ++served));
    return call;
  }
  size_t served = 0;
};

}  // namespace

TEST_CASE("followers get what was and what comes, from their own offset, until the log is closed") {
  Running host;
  Logger::log->append("abc");
  auto first = host.follow(0), second = host.follow(2);
  Logger::log->append("def");
  CHECK_FALSE(first.ended());
  Logger::log->close();
  CHECK(first.wait().bytes() == "abcdef");
  CHECK(first.wait().as<LogsAnswer>().end_offset == 6);
  CHECK(second.wait().bytes() == "cdef");
  CHECK(host.follow(4).wait().bytes() == "ef");
  CHECK(host.breaches().empty());
}

TEST_CASE("without follow the answer comes at once") {
  Running host;
  Logger::log->append("abc");
  const auto result = host.call("test.log/1", "logs", LogsRequest{"j", {}, 0, false});
  CHECK(result.bytes() == "abc");
  CHECK(result.as<LogsAnswer>().end_offset == 3);
}

TEST_CASE("what a follower missed is said, never skipped in silence") {
  Running host;
  Logger::log->append("0123456789abcdef");
  Logger::log->close();
  const auto result = host.follow(0).wait();
  CHECK(result.events().at(0) == nlohmann::json{{"offset", 6}});
  CHECK(result.bytes() == "6789abcdef");
}

TEST_CASE("a slow follower waits for room, one that has gone is let go") {
  Running host;
  auto slow = host.follow(0, Options{.chunks_unread_max = 1});
  Logger::log->append("abc");
  Logger::log->append("def");
  Logger::log->close();
  while (slow.take()) {
  }
  CHECK(slow.wait().bytes() == "abcdef");

  Logger::log = std::make_shared<MemoryLog>();
  auto gone = host.follow(0);
  gone.cancel();
  CHECK(gone.wait().code == Code::cancelled);
  CHECK(Logger::log->followers() == 0);
  CHECK(host.breaches().empty());
}

TEST_CASE("a log that is removed ends its followers") {
  Running host;
  auto call = host.follow(0);
  Logger::log.reset();
  CHECK(call.wait().code == Code::not_found);
  CHECK(host.breaches().empty());
}

/// Verbs that answer later, from any thread.
#include <atomic>
#include <latch>

#include "subject.hpp"

using namespace operon;
using namespace operon::sdk;
using operon::testing::Options;

namespace {

struct Later : Plugin {
  void thread(AsyncCall<nlohmann::json> call, nlohmann::json request) {
    threads.emplace_back([call, request] { call.reply(request); });
  }
  void twice(AsyncCall<nlohmann::json> call, nlohmann::json) {
    call.reply({{"n", 1}});
    call.reply({{"n", 2}});
    call.fail(Error(Code::internal, "no"));
  }
  void drop(AsyncCall<nlohmann::json>, nlohmann::json) {}
  void keep(AsyncCall<nlohmann::json> call, nlohmann::json) {
    {
      const std::lock_guard lock(mutex);
      kept.push_back(std::move(call));
    }
    host().notify("test", "kept");
  }
  void until_cancelled(AsyncCall<nlohmann::json> call, nlohmann::json) {
    call.on_cancel([call] { call.fail(Error(Code::cancelled, call.cancelled() ? "told to stop" : "not told")); });
  }
  void keeps_on(AsyncCall<nlohmann::json> call, nlohmann::json request) {
    call.on_cancel([] {});
    keep(std::move(call), std::move(request));
  }
  void answer_kept(AsyncCall<nlohmann::json> call, nlohmann::json) {
    size_t ended = 0;
    const std::lock_guard lock(mutex);
    for (const auto& one : kept) {
      ended += one.ended() ? 1 : 0;
      one.reply({{"too", "late"}});
    }
    call.reply({{"ended", ended}});
  }
  void emits(AsyncCall<nlohmann::json> call, nlohmann::json) {
    threads.emplace_back([call, item = nlohmann::json(std::string(50'000, 'x')).dump()] {
      call.guard([&] {
        while (call.try_emit(Stream::item, item)) {
        }
      });
    });
  }
  void registers_twice(AsyncCall<nlohmann::json> call, nlohmann::json) {
    call.on_cancel([] {});
    call.on_cancel([] {});
  }
  void registers_late(AsyncCall<nlohmann::json> call, nlohmann::json) {
    threads.emplace_back([this, call] {
      while (!call.ended()) std::this_thread::yield();
      try {
        call.on_cancel([] {});
      } catch (const Error& e) {
        host().notify("test", e.what());
      }
    });
  }
  void many(AsyncCall<std::vector<nlohmann::json>> call, nlohmann::json) {
    std::vector<nlohmann::json> items;
    for (int i = 0; i < 100; ++i) items.push_back({{"n", i}});
    call.reply(items);
  }
  void quiesce() override {
    for (auto& t : threads) t.join();
  }
  static auto interfaces() {
    using L = Later;
    return std::vector{
        Interface<L>{"test.later/1",
                     {verb<&L::thread>("thread"), verb<&L::twice>("twice", no_block), verb<&L::drop>("drop"), verb<&L::keep>("keep"),
                      verb<&L::until_cancelled>("until_cancelled"), verb<&L::keeps_on>("keeps_on"), verb<&L::answer_kept>("answer_kept"),
                      verb<&L::emits>("emits", streams), verb<&L::registers_twice>("registers_twice"),
                      verb<&L::registers_late>("registers_late"), verb<&L::many>("many", streams)}}};
  }
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<AsyncCall<nlohmann::json>> kept;
};

}  // namespace

TEST_CASE("an answer from another thread ends the call") {
  subject::Running<Later> host;
  CHECK(host.call("test.later/1", "thread", {{"a", 1}}).json()["a"] == 1);
  CHECK(host.breaches().empty());
}

TEST_CASE("the first answer counts, and a second one never reaches the host") {
  subject::Running<Later> host;
  CHECK(host.call("test.later/1", "twice").json()["n"] == 1);
  CHECK(host.breaches().empty());
}

TEST_CASE("a call that the plugin forgets fails at once instead of hanging") {
  subject::Running<Later> host;
  const auto result = host.call("test.later/1", "drop");
  CHECK(result.code == Code::internal);
  CHECK(result.error->what() == std::string("the plugin dropped the call without an answer"));
}

TEST_CASE("quiesce ends what is still open, and later use of it does nothing") {
  subject::Running<Later> host;
  auto pending = host.start("test.later/1", "keeps_on");
  REQUIRE(host.wait_for_notification({"test", "kept"}));
  CHECK_FALSE(pending.ended());
  host.stop();
  CHECK(pending.wait().code == Code::cancelled);
  CHECK(pending.wait().error->what() == std::string("the plugin is stopping"));
  CHECK(host.breaches().empty());
}

TEST_CASE("cancellation and a passed deadline reach on_cancel, once") {
  subject::Running<Later> host;
  auto cancelled = host.start("test.later/1", "until_cancelled");
  cancelled.cancel();
  CHECK(cancelled.wait().error->what() == std::string("told to stop"));
  auto expired = host.start("test.later/1", "until_cancelled", {}, Options{.timeout = std::chrono::milliseconds(1)});
  CHECK(expired.wait().error->what() == std::string("told to stop"));
  CHECK(host.breaches().empty());
}

TEST_CASE("a call ends by itself when its asker goes or its time is over, and the plugin's answer comes to nothing") {
  subject::Running<Later> host;
  auto cancelled = host.start("test.later/1", "keep");
  REQUIRE(host.wait_for_notification({"test", "kept"}));
  cancelled.cancel();
  CHECK(cancelled.wait().code == Code::cancelled);
  CHECK(cancelled.wait().error->what() == std::string("whoever asked has gone, or the time is over"));
  auto expired = host.start("test.later/1", "keep", {}, Options{.timeout = std::chrono::milliseconds(1)});
  CHECK(expired.wait().error->what() == std::string("whoever asked has gone, or the time is over"));
  CHECK(host.call("test.later/1", "answer_kept").json()["ended"] >= 1);
  CHECK(host.breaches().empty());
}

TEST_CASE("a call that ends while the plugin emits is told of its end after that") {
  subject::Running<Later> host;
  for (int i = 0; i < 100; ++i) {
    auto call = host.start("test.later/1", "emits", {}, Options{.chunks_unread_max = 1'000'000});
    REQUIRE(call.take());
    call.cancel();
    CHECK(call.wait().code == Code::cancelled);
  }
  CHECK(host.breaches().empty());
}

TEST_CASE("on_cancel is for one, and not for a call that has ended") {
  subject::Running<Later> host;
  const auto twice = host.call("test.later/1", "registers_twice");
  CHECK(twice.error->what() == std::string("the call has an on_cancel() already"));
  auto pending = host.start("test.later/1", "registers_late");
  pending.cancel();
  CHECK(pending.wait().code == Code::cancelled);
  CHECK(host.wait_for_notification({"test", "the call has ended"}));
  CHECK(host.breaches().empty());
}

TEST_CASE("a list is emitted through a narrow stream without a thread of its own") {
  subject::Running<Later> host;
  auto call = host.start("test.later/1", "many", {}, Options{.chunks_unread_max = 3});
  int n = 0;
  while (const auto chunk = call.take()) CHECK(nlohmann::json::parse(chunk->data)["n"] == n++);
  CHECK(n == 100);
  CHECK(call.wait().ok());
}

TEST_CASE("a host's callback that comes after the end finds nothing") {
  auto& callbacks = sdk::detail::Callbacks::instance();
  int fired = 0;
  const auto ticket = callbacks.add([&] { ++fired; });
  const auto dropped = callbacks.add([&] { fired += 10; });
  callbacks.drop(dropped);
  sdk::detail::Callbacks::fire(callbacks.arg(dropped));
  sdk::detail::Callbacks::fire(callbacks.arg(ticket));
  sdk::detail::Callbacks::fire(callbacks.arg(ticket));
  CHECK(fired == 1);
}

TEST_CASE("drop_and_wait waits for a callback that runs on another thread, and not for its own") {
  auto& callbacks = sdk::detail::Callbacks::instance();
  std::latch running(1), go_on(1);
  std::atomic<bool> ended{false};
  const auto ticket = callbacks.add([&] {
    running.count_down();
    go_on.wait();
    ended = true;
  });
  std::thread other([&] { sdk::detail::Callbacks::fire(callbacks.arg(ticket)); });
  running.wait();
  std::thread releaser([&] { go_on.count_down(); });
  callbacks.drop_and_wait(ticket);
  CHECK(ended);
  other.join();
  releaser.join();

  sdk::detail::Callbacks::Ticket own = 0;
  own = callbacks.add([&] { callbacks.drop_and_wait(own); });
  sdk::detail::Callbacks::fire(callbacks.arg(own));
}

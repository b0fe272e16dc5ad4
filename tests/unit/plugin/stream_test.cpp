#include <sys/resource.h>

#include "tests/unit/plugin/fixture.hpp"

using namespace operon;
using namespace operon::plugin;
using namespace operon::plugin::test;
using namespace std::chrono_literals;

namespace {

const CallContext endless{.timeout = -1ms, .request_id = {}, .job_id = {}, .user = {}, .blobs = {}};

void check_order(const std::vector<std::string>& chunks, size_t count) {
  REQUIRE(chunks.size() == count);
  for (size_t i = 0; i < count; ++i) {
    char number[24];
    std::snprintf(number, sizeof number, "%08zu", i);
    REQUIRE(chunks[i].substr(0, 8) == number);
    REQUIRE(chunks[i].size() == 1024);
  }
}

}  // namespace

TEST_CASE("chunks reach a caller who waits") {
  Host host;
  host.load();
  std::string got;
  std::string answer = host.one->call(host.verb("emit_once"), R"({"n":1})", {}, [&](uint32_t stream, std::string_view data) {
    CHECK(stream == OPERON_STREAM_ITEM);
    got += data;
  });
  CHECK(got == R"({"n":1})");
  CHECK(answer == R"({"status":0})");
}

TEST_CASE("chunks of a call without an observer are refused, which is no fault") {
  Host host;
  host.load();
  CHECK(host.call("emit_once") == R"({"status":9})");
  CHECK(host.info().faults == 0);
}

TEST_CASE("what the caller's function throws ends the stream and arrives at the caller") {
  Host host;
  host.load();
  int n = 0;
  CHECK_THROWS_WITH(host.one->call(host.verb("flood"), "{}", {},
                                   [&](uint32_t, std::string_view) {
                                     if (++n == 3) throw std::runtime_error("enough");
                                   }),
                    "enough");
  CHECK(n == 3);
}

TEST_CASE("a caller who waits sleeps through the chunks") {
  Host host;
  host.load();
  const auto sleeps = [] {
    rusage used{};
    getrusage(RUSAGE_THREAD, &used);
    return used.ru_nvcsw;
  };
  constexpr int chunks = 2'000;
  int n = 0;
  const auto before = sleeps();
  CHECK_THROWS_WITH(host.one->call(host.verb("flood"), "{}", {},
                                   [&](uint32_t, std::string_view) {
                                     // Each takes long enough for somebody to wake up.
                                     const auto until = std::chrono::steady_clock::now() + 50us;
                                     while (std::chrono::steady_clock::now() < until) {
                                     }
                                     if (++n == chunks) throw std::runtime_error("enough");
                                   }),
                    "enough");
  CHECK(n == chunks);
  const auto slept = sleeps() - before;
  CHECK(slept < chunks / 20);
}

TEST_CASE("an observer that is full stops the plugin at the buffer's limit and loses nothing") {
  Host host("misbehaving", {.stream_buffer_bytes_max = 10 << 10});
  host.load();
  auto collector = std::make_shared<Collector>(3);
  CallHandle handle = host.one->start(host.verb("stream_async"), R"({"count":1000})", endless, collector);
  CHECK(collector->wait_chunks(3));
  CHECK_FALSE(collector->ended());
  while (!collector->ended()) {
    collector->give_room(7);
    handle.writable();
  }
  CHECK(collector->wait_end().reply == "{}");
  check_order(collector->chunks(), 1000);
  CHECK_FALSE(collector->late);
  CHECK_FALSE(collector->overlapped);
}

TEST_CASE("a blocking plugin is told RESOURCE_EXHAUSTED when the buffer is full") {
  Host host("misbehaving", {.stream_buffer_bytes_max = 10'000});
  host.load();
  auto collector = std::make_shared<Collector>(0);
  CallHandle handle = host.one->start(host.verb("flood"), "{}", endless, collector);
  CHECK(eventually([&] { return host.info().calls == 1; }));
  CHECK_FALSE(collector->ended());  // the plugin is done, ten chunks are still to be delivered
  collector->give_room(1000);
  handle.writable();
  CHECK(collector->wait_end().reply == R"({"chunks":10,"status":8})");
  CHECK(collector->chunks().size() == 10);
}

TEST_CASE("cancel drops what the observer has not taken") {
  Host host("misbehaving", {.stream_buffer_bytes_max = 10 << 10});
  host.load();
  auto collector = std::make_shared<Collector>(2);
  CallHandle handle = host.one->start(host.verb("stream_async"), R"({"count":1000})", endless, collector);
  CHECK(collector->wait_chunks(2));
  handle.cancel();
  CHECK(collector->wait_end().code == Code::cancelled);
  CHECK(collector->chunks().size() == 2);
}

TEST_CASE("a plugin that emits for ever ends with the cancellation") {
  Host host;
  host.load();
  auto collector = std::make_shared<Collector>();
  CallHandle handle = host.one->start(host.verb("flood"), "{}", endless, collector);
  CHECK(collector->wait_chunks(1000));
  handle.cancel();
  CHECK(collector->wait_end().code == Code::ok);  // it answered how far it came
  CHECK(host.info().stuck == 0);
}

TEST_CASE("a thousand pending streams need no thread") {
  Host host;
  host.load();
  std::vector<std::shared_ptr<Collector>> all;
  std::vector<CallHandle> handles;
  for (int i = 0; i < 1000; ++i) {
    all.push_back(std::make_shared<Collector>());
    handles.push_back(host.one->start(host.verb("wait_callback"), "{}", endless, all.back()));
  }
  size_t threads = static_cast<size_t>(std::distance(fs::directory_iterator("/proc/self/task"), {}));
  CHECK(threads < 16);
  for (CallHandle& handle : handles) handle.cancel();
  for (auto& collector : all) CHECK(collector->wait_end().code == Code::cancelled);
}

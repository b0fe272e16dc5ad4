#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>

#include "core/jobs/log_upstream.hpp"
#include "log_fixture.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::jobs;
using namespace operon::jobs::testing;
using Got = LogReader::Got;

TEST_CASE("a follower that takes nothing is dropped, told, and slows nobody") {
  LogLimits limits;
  limits.follower_stall_ms = 50;
  LogHost host(limits);
  host.begin("a");
  Stream asleep(*host.hub, "a", following()), awake(*host.hub, "a", following());
  awake.drain();
  host.runner->write("a", "something\n");
  REQUIRE(eventually([&] {
    awake.drain();
    return *asleep.wakes > 0;  // let go: its stream is woken to hear it
  }));
  CHECK(asleep.drain() == Got::dropped);
  CHECK(asleep.got == "ERROR: dropped, this follower took nothing for 0 s while there was more to read\n");
  host.runner->write("a", "more\n");
  CHECK(awake.drain() == Got::wait);
  CHECK(awake.got == "something\nmore\n");
  CHECK(dropped_marker(30000) == "ERROR: dropped, this follower took nothing for 30 s while there was more to read\n");
}

TEST_CASE("an upstream that breaks off is read again from the offset") {
  LogHost host;
  host.begin("a");
  host.runner->write("a", "one\n");
  host.runner->end_logs("a", Code::unavailable);
  host.runner->write("a", "two\n");
  Stream follower(*host.hub, "a", following());
  REQUIRE(eventually([&] {
    follower.drain();
    return follower.got == "one\ntwo\n";
  }));
  CHECK(host.runner->last_log_offset("a") == 4);
}

TEST_CASE("a run that its runner knows nothing of: an empty log ends, a begun one says that it is not whole") {
  LogHost host;
  for (const char* id : {"never", "lost"}) host.hub->expect(id);
  host.hub->begin("never", "fake", std::nullopt);
  host.begin("lost");
  host.runner->write("lost", "some");
  host.runner->lose("lost");
  host.runner->end_logs("lost", Code::not_found);
  for (const char* id : {"never", "lost"}) {
    std::atomic<bool> done{false};
    host.hub->end(id, [&] { done = true; });
    REQUIRE(eventually([&] { return done.load(); }));
  }
  Stream never(*host.hub, "never"), lost(*host.hub, "lost");
  never.drain();
  lost.drain();
  CHECK(never.got.empty());
  CHECK(lost.got == "some\nERROR: the rest of this log could not be read from the runner\n");
}

TEST_CASE("a log past log_bytes_max is cut, and says so") {
  LogLimits limits;
  limits.log_bytes_max = 10;
  LogHost host(limits);
  host.begin("a");
  host.runner->write("a", "123456789");
  host.runner->write("a", "0123456789");
  REQUIRE(host.finish("a"));
  Stream stream(*host.hub, "a");
  stream.drain();
  CHECK(stream.got == "1234567890\nERROR: log cut here, it reached 10 B (log_bytes_max)\n");
}

TEST_CASE("a runner that claims an offset past log_bytes_max gets a cut log, not a hole") {
  LogLimits limits;
  limits.log_bytes_max = 1000;
  LogHost host(limits);
  host.begin("a");
  host.runner->write("a", "one\n");
  host.runner->event("a", R"({"offset":1099511627776})");
  host.runner->write("a", "two\n");
  REQUIRE(host.finish("a"));
  Stream stream(*host.hub, "a");
  stream.drain();
  CHECK(stream.got == "one\nERROR: log cut here, it reached 1000 B (log_bytes_max)\n");
}

TEST_CASE("a log that is still coming after its run's end is read on") {
  TemporaryFolder folder;
  FakeRunners runners;
  auto runner = std::make_shared<FakeRunner>();
  runners.add(runner);
  runner->set("a", Phase::running);
  UpstreamTiming timing;
  timing.end_drain_ms = 100;
  auto live = std::make_shared<LiveLog>("a", LogPaths(folder.path, "a"), LogLimits{}, runners, timing, [] {});
  live->begin("fake", std::nullopt);
  const int64_t ended = monotonic_ms();
  live->end([] {});
  REQUIRE(eventually([&] { return monotonic_ms() > ended + 80; }));
  runner->write("a", "one\n");
  CHECK_FALSE(live->tend(ended + 150));
  runner->write("a", "two\n");  // it was not told to end
  CHECK(live->spool().end() == 8);
  CHECK(live->tend(ended + timing.end_most_ms + 1));  // but not for ever
  live->stop();
}

TEST_CASE("too many followers are an error, and leaving makes room") {
  LogLimits limits;
  limits.followers_max = 1;
  LogHost host(limits);
  host.begin("a");
  {
    Stream first(*host.hub, "a", following());
    CHECK_THROWS_WITH(host.hub->open("a", {}, [] {}), "1 logs are being read already (followers_max): try again later");
  }
  Stream next(*host.hub, "a", following());
  CHECK(next.drain() == Got::wait);
}

TEST_CASE("archives stay within their bound, the oldest go first") {
  LogLimits limits;
  limits.archive_bytes_max = 1500;
  LogHost host(limits);
  for (const char* id : {"a", "b", "c"}) {
    host.begin(id);
    std::string noise;
    for (int i = 0; i < 600; ++i) noise += static_cast<char>(i * 7919 % 251 ^ (i * i >> 3));
    host.runner->write(id, noise);
    REQUIRE(host.finish(id));
  }
  REQUIRE(eventually([&] { return !std::filesystem::exists(host.file("a.log.zst")); }));
  CHECK(std::filesystem::exists(host.file("c.log.zst")));
  Stream gone(*host.hub, "a");
  CHECK(gone.drain() == Got::end);
}

TEST_CASE("no room for the spool: followers are told, nothing is lost when there is room again") {
  LogHost host;
  host.begin("a");
  host.runner->write("a", "fits\n");
  Stream follower(*host.hub, "a", following());
  follower.drain();
  struct rlimit before {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit none = before;
  none.rlim_cur = 5;  // no file grows past this
  ::setrlimit(RLIMIT_FSIZE, &none);
  host.runner->write("a", "does not\n");
  follower.drain();
  ::setrlimit(RLIMIT_FSIZE, &before);
  CHECK(follower.got == "fits\nERROR: the log stands still, it cannot be stored: File too large\n");
  REQUIRE(eventually([&] {
    follower.drain();
    return follower.got.ends_with("\ndoes not\n");
  }));
  REQUIRE(host.finish("a"));
  CHECK(host.hub->tail("a", 100) == "fits\ndoes not\n");
}

TEST_CASE("what a crash left of a log is taken up rightly") {
  LogHost host;
  host.begin("a");
  host.runner->write("a", "one\ntwo\n");
  host.hub.reset();
  host.runner->end_logs("a", Code::cancelled);
  std::ofstream(host.file("b.log.zst.tmp")) << "half";
  std::ofstream(host.file("a.idx"), std::ios::app) << "torn";
  std::filesystem::resize_file(host.file("a.log"), 5);  // the end did not reach the disk
  host.open();
  host.hub->expect("a");
  host.hub->begin("a", "fake", std::nullopt);
  CHECK(host.runner->last_log_offset("a") == 5);
  REQUIRE(host.finish("a"));
  CHECK(host.hub->tail("a", 100) == "one\ntwo\n");
  REQUIRE(eventually([&] { return !std::filesystem::exists(host.file("b.log.zst.tmp")); }));
}

TEST_CASE("writers, readers, restarts of readers and ends at once") {
  LogHost host;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int run = 0; run < 4; ++run) {
    const std::string id = "r" + std::to_string(run);
    host.begin(id);
    threads.emplace_back([&, id] {
      for (int i = 0; i < 200; ++i) host.runner->write(id, "line " + std::to_string(i) + "\n");
      host.finish(id);
    });
    for (int reader = 0; reader < 3; ++reader) {
      threads.emplace_back([&, id, reader] {
        while (!stop) {
          Stream stream(*host.hub, id, {reader != 0, reader == 1 ? std::optional<uint64_t>(5) : std::nullopt, reader == 2});
          for (int i = 0; i < 20 && stream.drain(100) == Got::wait; ++i) std::this_thread::yield();
        }
      });
    }
  }
  for (size_t i = 0; i < threads.size(); i += 4) threads[i].join();
  stop = true;
  for (size_t i = 0; i < threads.size(); ++i) {
    if (threads[i].joinable()) threads[i].join();
  }
  for (int run = 0; run < 4; ++run) {
    Stream stream(*host.hub, "r" + std::to_string(run));
    stream.drain();
    CHECK(stream.got.substr(stream.got.size() - 9) == "line 199\n");
  }
}

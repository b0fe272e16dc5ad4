#include <atomic>
#include <future>

#include "fixture.hpp"

using namespace runner_process_test;

namespace {

/// The chunks of a call, with the bytes that an event says are missing shown as '?'.
std::string with_gaps(const operon::testing::Result& result, uint64_t offset = 0) {
  std::string text;
  for (const auto& chunk : result.chunks) {
    if (chunk.stream == operon::sdk::Stream::out) {
      text += chunk.data;
    } else if (const auto event = json::parse(chunk.data).get<LogEvent>(); event.offset) {
      REQUIRE(*event.offset >= offset + text.size());
      text.resize(*event.offset - offset, '?');
    }
  }
  return text;
}

}  // namespace

TEST_CASE("follow sees what is written later, and ends with the run") {
  Runner runner;
  const auto go = runner.scratch() / "go";
  runner.start(shell("a", "echo one; while [ ! -e " + go.string() + " ]; do sleep 0.01; done; echo two"));
  const auto follow = runner.host().start(id, "logs", LogsRequest{"a", {}, 0, true});
  auto chunk = follow.take();
  while (chunk && chunk->stream != operon::sdk::Stream::out) chunk = follow.take();
  REQUIRE(chunk);
  CHECK(chunk->data == "one\n");
  std::ofstream(go) << "go";
  const auto result = follow.wait();
  CHECK(result.as<LogsAnswer>().end_offset == 8);
  CHECK(runner.log("a") == "one\ntwo\n");
  CHECK(runner.host().breaches().empty());
}

TEST_CASE("any offset, also past the end") {
  Runner runner;
  runner.run(shell("a", "printf 0123456789"));
  CHECK(runner.logs("a", false, 4).bytes() == "456789");
  CHECK(runner.logs("a", true, 10).bytes().empty());
  CHECK(runner.logs("a", true, 10).as<LogsAnswer>().end_offset == 10);
  CHECK(runner.logs("a", true, 99).bytes().empty());
}

TEST_CASE("times go with the bytes") {
  Runner runner;
  const auto before = operon::sdk::detail::unix_ms_now();
  runner.run(shell("a", "echo one; sleep 0.3; echo two"));
  const auto after = operon::sdk::detail::unix_ms_now();
  const auto result = runner.logs("a");
  const auto events = result.events();
  REQUIRE(events.size() == 2);
  CHECK(events[0]["offset"] == 0);
  CHECK(events[1]["offset"] == 4);
  CHECK(events[0]["unixMs"] >= before);
  CHECK(events[1]["unixMs"].get<int64_t>() - events[0]["unixMs"].get<int64_t>() >= 250);
  CHECK(events[1]["unixMs"] <= after);
}

TEST_CASE("past its limit a log loses its oldest segments, and says so") {
  Runner runner(json{{"logBytesMax", 8192}, {"logSegmentBytes", 2048}});
  runner.run(shell("a", "i=0; while [ $i -lt 2000 ]; do printf '%09d\\n' $i; i=$((i+1)); done"));
  std::string whole;
  for (int i = 0; i < 2000; ++i) {
    const auto digits = std::to_string(i);
    whole += std::string(9 - digits.size(), '0') + digits + "\n";
  }
  const auto result = runner.logs("a");
  const auto text = with_gaps(result);
  REQUIRE(text.size() == whole.size());
  const auto kept = text.find_first_not_of('?');
  CHECK(kept >= whole.size() - 8192);
  CHECK(kept <= whole.size() - 4096);
  CHECK(text.substr(kept) == whole.substr(kept));
  CHECK(result.as<LogsAnswer>().end_offset == whole.size());
  uint64_t stored = 0;
  for (const auto& entry : fs::directory_iterator(runner.run_folder("a"))) {
    if (entry.path().filename().string().starts_with("log.")) stored += entry.file_size();
  }
  CHECK(stored <= 8192);
}

TEST_CASE("a follower across segments misses nothing") {
  Runner runner(json{{"logSegmentBytes", 1024}});
  runner.start(shell("a", "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; sleep 0.1; echo end"));
  const auto result = runner.logs("a", true);
  std::string whole;
  for (int i = 0; i < 3000; ++i) whole += std::to_string(i) + "\n";
  CHECK(result.bytes() == whole + "end\n");
}

TEST_CASE("a run that ends while its last bytes are handed over ends its followers") {
  Runner runner;
  runner.start(shell("a", "echo last; exec sleep 300"));
  std::promise<void> handed_over, stopped;
  operon::testing::Options options;
  options.on_chunk = [&](const operon::testing::Chunk& chunk) {
    if (chunk.stream != operon::sdk::Stream::out) return;
    handed_over.set_value();
    stopped.get_future().wait();
  };
  const auto follow = runner.host().start(id, "logs", LogsRequest{"a", {}, 0, true}, options);
  handed_over.get_future().wait();
  CHECK(runner.stop("a", 0).phase == Phase::stopped);  // as a rule answered after the followers have been woken
  stopped.set_value();
  const auto result = follow.wait();
  CHECK(result.ok());
  CHECK(result.bytes() == "last\n");
}

TEST_CASE("a follower who leaves in the middle of a turn takes no news from the others") {
  Runner runner;
  const auto go = runner.scratch() / "go";
  runner.start(shell("a", "echo one; until [ -e " + go.string() + " ]; do sleep 0.01; done; echo two; exec sleep 300"));
  const auto stays = runner.host().start(id, "logs", LogsRequest{"a", {}, 0, true});
  std::promise<void> in_turn, cancelled;
  std::atomic<bool> first{true};
  operon::testing::Options options;
  options.on_chunk = [&](const operon::testing::Chunk&) {
    if (!first.exchange(false)) return;
    in_turn.set_value();
    cancelled.get_future().wait();
  };
  const auto leaves = runner.host().start(id, "logs", LogsRequest{"a", {}, 0, true}, options);
  in_turn.get_future().wait();
  leaves.cancel();  // which asks for another turn
  cancelled.set_value();
  CHECK(leaves.wait().code == Code::cancelled);
  std::string bytes;
  const auto read_to = [&](const std::string& end) {
    while (!bytes.ends_with(end)) {
      const auto chunk = stays.take();
      if (!chunk) return false;
      if (chunk->stream == operon::sdk::Stream::out) bytes += chunk->data;
    }
    return true;
  };
  CHECK(read_to("one\n"));
  std::ofstream(go).close();
  CHECK(read_to("two\n"));
}

TEST_CASE("200 MB of binary output arrive intact, through a reader that is full at times") {
  Runner runner;
  const auto copy = runner.scratch() / "copy";
  runner.start(shell("a", "head -c 200000000 /dev/urandom | tee " + copy.string()));
  operon::testing::Options options;
  options.chunks_unread_max = 4;
  const auto follow = runner.host().start(id, "logs", LogsRequest{"a", {}, 0, true}, options);
  std::ifstream expected;
  uint64_t bytes = 0;
  bool same = true;
  std::string wanted;
  while (const auto chunk = follow.take()) {
    if (chunk->stream != operon::sdk::Stream::out) continue;
    if (!expected.is_open()) expected.open(copy, std::ios::binary);
    wanted.resize(chunk->data.size());
    // The copy may lag behind the pipe by a moment.
    REQUIRE(eventually([&] {
      expected.clear();
      expected.seekg(static_cast<std::streamoff>(bytes));
      expected.read(wanted.data(), static_cast<std::streamsize>(wanted.size()));
      return expected.gcount() == static_cast<std::streamsize>(wanted.size());
    }));
    same = same && wanted == chunk->data;
    bytes += chunk->data.size();
  }
  CHECK(bytes == 200000000);
  CHECK(same);
  CHECK(runner.inspect("a").phase == Phase::succeeded);
}

TEST_CASE("a follower who leaves, and one who takes nothing, hold nobody up") {
  Runner runner;
  runner.start(shell("a", "while :; do head -c 100000 /dev/zero; sleep 0.01; done"));
  operon::testing::Options full;
  full.chunks_unread_max = 1;
  const auto asleep = runner.host().start(id, "logs", LogsRequest{"a", {}, 0, true}, full);
  const auto awake = runner.host().start(id, "logs", LogsRequest{"a", {}, 0, true});
  uint64_t bytes = 0;
  while (bytes < 1000000) {
    const auto chunk = awake.take();
    REQUIRE(chunk);
    if (chunk->stream == operon::sdk::Stream::out) bytes += chunk->data.size();
  }
  asleep.cancel();
  CHECK(asleep.wait().code == Code::cancelled);
  runner.stop("a", 0);
  CHECK(awake.wait().ok());
}

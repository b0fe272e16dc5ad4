#include <catch2/catch.hpp>
#include <fstream>
#include <random>

#include "log_fixture.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::jobs;
using namespace operon::jobs::testing;
using Got = LogReader::Got;

TEST_CASE("followers see every byte, early and late ones alike, from one upstream read") {
  LogHost host;
  host.hub->expect("a");
  Stream early(*host.hub, "a", following());
  CHECK(early.drain() == Got::wait);  // pending: waits
  host.begin("a");
  host.runner->write("a", "first\n");
  CHECK(*early.wakes >= 1);
  CHECK(early.drain() == Got::wait);
  CHECK(early.got == "first\n");
  host.runner->write("a", "second, no newline");
  Stream late(*host.hub, "a", following());
  Stream snapshot(*host.hub, "a");
  CHECK(snapshot.drain() == Got::end);
  CHECK(snapshot.got == "first\nsecond, no newline");
  CHECK(host.finish("a"));
  CHECK(early.to_end());
  CHECK(late.to_end());
  CHECK(early.got == "first\nsecond, no newline");
  CHECK(late.got == early.got);
  CHECK(host.runner->log_calls("a") == 1);
  Stream archived(*host.hub, "a", following());
  CHECK(archived.drain() == Got::end);
  CHECK(archived.got == early.got);
  CHECK_FALSE(std::filesystem::exists(host.file("a.log")));
  CHECK(std::filesystem::exists(host.file("a.log.zst")));
}

TEST_CASE("binary, ANSI, CRLF, NUL: not a byte changes, at any chunk size") {
  LogHost host;
  host.begin("a");
  std::mt19937 random(11);
  std::string bytes = "\x1b[31mred\x1b[0m\r\nnul:\0:\n";
  for (int i = 0; i < 400000; ++i) bytes += static_cast<char>(random());
  Stream follower(*host.hub, "a", following());
  for (size_t at = 0; at < bytes.size(); at += 7001) {
    host.runner->write("a", bytes.substr(at, 7001));
    follower.drain(1 + at % 5000);
  }
  CHECK(host.finish("a"));
  CHECK(follower.to_end());
  CHECK(follower.got == bytes);
  Stream archived(*host.hub, "a");
  archived.drain(333);
  CHECK(archived.got == bytes);
}

TEST_CASE("tailLines, live and archived") {
  LogHost host;
  host.begin("a");
  std::string all;
  for (int i = 0; i < 30000; ++i) all += "line " + std::to_string(i) + "\n";
  host.runner->write("a", all);
  const auto tail = [&](uint64_t lines) {
    Stream stream(*host.hub, "a", {false, lines, false});
    stream.drain();
    return stream.got;
  };
  for (int round = 0; round < 2; ++round) {
    CHECK(tail(2) == "line 29998\nline 29999\n");
    CHECK(tail(0).empty());
    CHECK(tail(1000000) == all);
    CHECK(tail(20000).substr(0, 11) == "line 10000\n");
    if (round == 0) REQUIRE(host.finish("a"));
  }
  CHECK(host.hub->tail("a", 11) == "line 29999\n");
}

TEST_CASE("timestamps stand before each line, with the runner's time where it is known") {
  LogHost host;
  host.begin("a");
  host.runner->event("a", R"({"unixMs":1767323045678})");
  host.runner->write("a", "one\ntw");
  host.runner->event("a", R"({"unixMs":1767323050000})");
  host.runner->write("a", "o\n\nfour");
  const std::string due =
      "2026-01-02T03:04:05.678Z one\n2026-01-02T03:04:05.678Z two\n2026-01-02T03:04:10.000Z \n2026-01-02T03:04:10.000Z four";
  Stream live(*host.hub, "a", {false, {}, true});
  live.drain(5);
  CHECK(live.got == due);
  REQUIRE(host.finish("a"));
  Stream archived(*host.hub, "a", {false, {}, true});
  archived.drain();
  CHECK(archived.got == due);
  Stream tail(*host.hub, "a", {false, 1, true});
  tail.drain();
  CHECK(tail.got == "2026-01-02T03:04:10.000Z four");
}

TEST_CASE("missing bytes are a visible line, and offsets stay true") {
  LogHost host;
  host.begin("a");
  host.runner->write("a", "before");
  host.runner->event("a", R"({"offset":1000006})");
  host.runner->write("a", "after\n");
  const std::string due = "before\nERROR: 1000000 bytes missing here\nafter\n";
  Stream live(*host.hub, "a", following());
  live.drain();
  CHECK(live.got == due);
  CHECK(std::filesystem::file_size(host.file("a.log")) == 1000012);
  REQUIRE(host.finish("a"));
  Stream archived(*host.hub, "a");
  archived.drain();
  CHECK(archived.got == due);
}

TEST_CASE("a follower over a host's restart: the log goes on at its offset") {
  LogHost host;
  host.begin("a");
  host.runner->write("a", "one\n");
  host.hub.reset();
  host.runner->end_logs("a", Code::cancelled);
  host.runner->write("a", "two\n");
  host.open();
  host.hub->expect("a");
  host.hub->begin("a", "fake", std::nullopt);
  CHECK(host.runner->last_log_offset("a") == 4);
  Stream follower(*host.hub, "a", following());
  follower.drain();
  CHECK(follower.got == "one\ntwo\n");
}

TEST_CASE("whoever reads the log of an ended run gets all of it, also what is still on its way") {
  LogHost host;
  host.begin("a");
  host.runner->write("a", "one\n");
  LogOptions whole, tail;
  whole.ended = tail.ended = true;
  tail.tail_lines = 2;
  Stream all(*host.hub, "a", whole), last(*host.hub, "a", tail);
  CHECK(all.drain() == Got::wait);
  CHECK(last.drain() == Got::wait);
  CHECK(last.got.empty());
  host.runner->write("a", "two\nthree\n");
  CHECK(last.drain() == Got::wait);
  REQUIRE(host.finish("a"));
  CHECK(all.drain() == Got::end);
  CHECK(last.drain() == Got::end);
  CHECK(all.got == "one\ntwo\nthree\n");
  CHECK(last.got == "two\nthree\n");
}

TEST_CASE("a log that was never begun ends with its run, and needs no archive") {
  LogHost host;
  host.hub->expect("a");
  Stream follower(*host.hub, "a", following());
  CHECK(follower.drain() == Got::wait);
  CHECK(host.finish("a"));
  CHECK(follower.to_end());
  CHECK(follower.got.empty());
  Stream late(*host.hub, "a", following());
  CHECK(late.drain() == Got::end);
  Stream unknown(*host.hub, "never-heard-of", following());
  CHECK(unknown.drain() == Got::end);
  CHECK_THROWS_AS(host.hub->open("../../etc/passwd", {}, [] {}), Error);
}

TEST_CASE("a thousand followers of 20 MB: one read, nothing lost, little memory") {
  LogLimits limits;
  limits.follower_stall_ms = 600000;  // they take turns on this one thread
  LogHost host(limits);
  host.begin("a");
  const auto resident_kb = [] {
    std::ifstream in("/proc/self/status");
    for (std::string line; std::getline(in, line);) {
      if (line.rfind("VmRSS:", 0) == 0) return std::stol(line.substr(6));
    }
    return 0L;
  };
  std::vector<std::unique_ptr<LogReader>> readers;
  std::vector<uint64_t> sums(1000), counts(1000);
  for (int i = 0; i < 1000; ++i) readers.push_back(host.hub->open("a", following(), [] {}));
  const long before = resident_kb();
  std::string piece;
  for (int i = 0; i < 20; ++i) {
    host.runner->write("a", std::string(1u << 20, static_cast<char>('a' + i)));
    for (size_t r = 0; r < readers.size(); ++r) {
      for (;;) {
        piece.clear();
        if (readers[r]->read(piece, 64u << 10) != Got::data) break;
        counts[r] += piece.size();
        sums[r] += static_cast<unsigned char>(piece.front()) + static_cast<unsigned char>(piece.back());
      }
    }
  }
  for (size_t r = 0; r < readers.size(); ++r) REQUIRE((counts[r] == 20u << 20 && sums[r] == sums[0]));
  CHECK(host.runner->log_calls("a") == 1);
#if !defined(OPERON_SANITIZED)            // a sanitizer's own memory is not the hub's
  CHECK(resident_kb() - before < 90000);  // the runner's own copy of 20 MB is part of it
#else
  CHECK(before > 0);
#endif
}

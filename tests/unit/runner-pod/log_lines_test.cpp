#include "log_lines.hpp"

#include <catch2/catch.hpp>

using namespace operon::runner_pod;

namespace {

std::string stamp(int second, int ns = 0) {
  char text[64];
  std::snprintf(text, sizeof text, "2026-11-21T13:00:%02d.%09dZ ", second, ns);
  return text;
}

std::string fed(LogLines& lines, std::string_view bytes, size_t step = 0) {
  std::string all;
  if (step == 0) step = std::max<size_t>(bytes.size(), 1);
  for (size_t at = 0; at < bytes.size(); at += step) {
    std::vector<LogPiece> pieces;
    lines.feed(bytes.substr(at, step), pieces);
    for (const auto& piece : pieces) all += piece.bytes;
  }
  return all;
}

const std::string whole = stamp(1) + "one\n" + stamp(2) + "\n" + stamp(2) + "two\r\n" + stamp(2) + "two\r\n" + stamp(3, 5) + "three";
const std::string content = "one\n\ntwo\r\ntwo\r\nthree";

}  // namespace

TEST_CASE("timestamps go, the bytes stay, wherever a stream is cut") {
  for (size_t step = 1; step < 12; ++step) {
    LogLines lines(0, std::nullopt);
    lines.begin_stream();
    CHECK(fed(lines, whole, step) == content);
    CHECK(lines.offset() == content.size());
  }
}

TEST_CASE("a stream that breaks anywhere goes on where it was") {
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    INFO(cut);
    LogLines lines(0, std::nullopt);
    lines.begin_stream();
    auto all = fed(lines, std::string_view(whole).substr(0, cut));
    lines.begin_stream();
    // The server gives whole seconds only, and everything when nothing is asked.
    const auto since = lines.since();
    const auto from = since.empty() ? 0 : whole.find(since.substr(0, 19));
    REQUIRE(from != std::string::npos);
    all += fed(lines, std::string_view(whole).substr(from), 7);
    CHECK(all == content);
  }
}

TEST_CASE("a reader that begins later is given the rest") {
  for (size_t offset = 0; offset <= content.size(); ++offset) {
    LogLines lines(offset, std::nullopt);
    lines.begin_stream();
    CHECK(fed(lines, whole, 5) == content.substr(offset));
    CHECK(lines.offset() == content.size());
  }
}

TEST_CASE("a place from an earlier reading saves what comes before it") {
  LogLines first(0, std::nullopt);
  first.begin_stream();
  fed(first, whole.substr(0, whole.find("three")));
  REQUIRE(first.place());
  CHECK(first.place()->offset == content.size() - 5);
  CHECK(first.place()->lines == 3);
  for (size_t offset = first.place()->offset; offset <= content.size(); ++offset) {
    LogLines lines(offset, first.place());
    lines.begin_stream();
    CHECK(lines.since() == "2026-11-21T13:00:02Z");
    CHECK(fed(lines, whole.substr(whole.find(stamp(2)))) == content.substr(offset));
  }
}

TEST_CASE("a stream that ends before it comes to what was given is known") {
  LogLines lines(0, std::nullopt);
  lines.begin_stream();
  CHECK(lines.caught_up());
  fed(lines, whole);
  CHECK(lines.caught_up());
  lines.begin_stream();
  CHECK_FALSE(lines.caught_up());
  fed(lines, whole.substr(0, whole.find("three") + 1));
  CHECK_FALSE(lines.caught_up());
  fed(lines, "hree");
  CHECK(lines.caught_up());
}

TEST_CASE("lines that were rotated away are told of, once") {
  LogLines lines(0, std::nullopt);
  lines.begin_stream();
  fed(lines, stamp(1) + "one\n" + stamp(2) + "tw");
  lines.begin_stream();
  const auto later = stamp(4) + "four\n" + stamp(5) + "five\n";
  CHECK(fed(lines, later) == "\n" + std::string(LogLines::rotated_words) + "four\nfive\n");
  lines.begin_stream();
  CHECK(fed(lines, later + stamp(6) + "six\n") == "six\n");
}

TEST_CASE("a break right after the mark of a rotation") {
  LogLines lines(0, std::nullopt);
  lines.begin_stream();
  fed(lines, stamp(1) + "one\n");
  lines.begin_stream();
  CHECK(fed(lines, stamp(4) + "fo") == std::string(LogLines::rotated_words) + "fo");
  lines.begin_stream();
  CHECK(fed(lines, stamp(4) + "four\n") == "ur\n");
}

TEST_CASE("two streams of a container may be a moment out of order") {
  const auto mixed = stamp(1) + "a\n" + stamp(2, 9) + "b\n" + stamp(2, 8) + "c\n" + stamp(2, 9) + "d\n";
  for (size_t cut = 0; cut <= mixed.size(); ++cut) {
    INFO(cut);
    LogLines lines(0, std::nullopt);
    lines.begin_stream();
    auto all = fed(lines, std::string_view(mixed).substr(0, cut));
    lines.begin_stream();
    all += fed(lines, mixed);
    CHECK(all == "a\nb\nc\nd\n");
  }
}

TEST_CASE("a server that gives no timestamps gives a log all the same") {
  for (size_t step = 0; step < 20; ++step) {
    LogLines lines(0, std::nullopt);
    lines.begin_stream();
    CHECK(fed(lines, "failed to reach the shop\nrpc\n\nun", step) == "failed to reach the shop\nrpc\n\n");
    lines.begin_stream();
    CHECK(fed(lines, "failed to reach the shop\nrpc\n\nunable\nfail", step) == "unable\n");
    CHECK_FALSE(lines.unread());
  }
}

TEST_CASE("that the node cannot read a log is no line of it, and where to go on stays known") {
  // What kubelets of 1.20 and 1.34 say; the last may be said by any of them.
  const std::string unread = GENERATE(
      "unable to retrieve container logs for containerd://5b1b88dd",
      "failed to try resolving symlinks in path \"/var/log/pods/ns_run_1/runner/0.log\": lstat /var/log/pods/ns_run_1: no such file",
      "failed to open log file \"/var/log/pods/ns_run_1/runner/0.log\": no such file",
      "failed to create fsnotify watcher: too many open files", "rpc error: code = Unavailable desc = connection refused", "something new");
  INFO(unread);
  for (size_t step = 0; step < 60; ++step) {
    if (unread != "something new") {  // ahead of all lines it must be known, or it is the log of a server that gives no timestamps
      LogLines first(0, std::nullopt);
      first.begin_stream();
      CHECK(fed(first, unread, step).empty());
      CHECK(first.unread());
      first.begin_stream();
      CHECK(fed(first, stamp(1) + "one\n" + unread, step) == "one\n");
      CHECK(first.unread());
      CHECK(first.unread_words() == unread);
    }
    LogLines lines(0, std::nullopt);
    lines.begin_stream();
    CHECK(fed(lines, stamp(1) + "one\n", step) == "one\n");
    CHECK_FALSE(lines.unread());
    lines.begin_stream();
    CHECK(fed(lines, unread, step).empty());
    CHECK(lines.unread());
    CHECK(lines.unread_words() == unread);
    CHECK_FALSE(lines.container_gone());
    CHECK(lines.offset() == 4);
    lines.begin_stream();
    CHECK_FALSE(lines.unread());
    CHECK(fed(lines, stamp(1) + "one\n" + stamp(2) + unread + "\n", step) == unread + "\n");  // a line of its own that reads so
    CHECK(lines.caught_up());
  }
}

TEST_CASE("the rest of a line that began before the time asked from is none of the node's words") {
  for (size_t step = 0; step < 40; ++step) {
    LogLines lines(0, std::nullopt);
    lines.begin_stream();
    CHECK(fed(lines, stamp(1, 900) + "waiting done\n" + stamp(2, 5) + "two\n", step) == "waiting done\ntwo\n");
    lines.begin_stream();
    CHECK(fed(lines, " done\n" + stamp(2, 5) + "two\n" + stamp(3) + "new\n", step) == "new\n");
    CHECK_FALSE(lines.unread());
    CHECK(lines.unread_words().empty());
    CHECK(lines.caught_up());
  }
}

TEST_CASE("that the container has gone is no line of its log") {
  const std::string gone = "rpc error: code = NotFound desc = an error occurred when try to find container \"5b1b88dd\": not found";
  for (size_t step = 0; step < 40; ++step) {
    LogLines lines(0, std::nullopt);
    lines.begin_stream();
    CHECK(fed(lines, stamp(1) + "one\n" + gone, step) == "one\n");
    CHECK(lines.container_gone());
    CHECK(lines.caught_up());
    lines.begin_stream();
    CHECK_FALSE(lines.container_gone());
    CHECK(fed(lines, gone, step).empty());
    CHECK(lines.container_gone());
    CHECK(lines.offset() == 4);
    lines.begin_stream();
    CHECK(fed(lines, stamp(1) + "one\n" + stamp(2) + gone + "\n", step) == gone + "\n");  // a line of its own that reads so
    CHECK_FALSE(lines.container_gone());
  }
}

TEST_CASE("a long line is given piece by piece, and lines of a moment together") {
  LogLines lines(0, std::nullopt);
  lines.begin_stream();
  std::vector<LogPiece> pieces;
  const std::string line(200'000, 'x');
  lines.feed(stamp(1) + line + "\n", pieces);
  CHECK(pieces.size() == 4);
  pieces.clear();
  lines.feed(stamp(2) + "a\n" + stamp(2, 1'000'000) + "b\n" + stamp(2, 900'000'000) + "c\n", pieces);
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[0].bytes == "a\nb\n");
  CHECK(pieces[1].bytes == "c\n");
  CHECK(pieces[1].unix_ms == 1795266002900);
}

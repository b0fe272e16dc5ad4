#include "core/kube/backoff.hpp"

#include <catch2/catch.hpp>

using namespace operon;
using namespace operon::kube;
using std::chrono::milliseconds;

TEST_CASE("a wait is anything up to a limit that doubles until the cap") {
  Backoff backoff({milliseconds(100), milliseconds(1000)}, Random(7));
  for (const int most : {100, 200, 400, 800, 1000, 1000, 1000}) {
    const auto wait = backoff.next().count();
    CHECK(wait >= 0);
    CHECK(wait <= most);
  }
  CHECK(backoff.attempts() == 7);
  backoff.reset();
  CHECK(backoff.next().count() <= 100);
}

TEST_CASE("the same seed gives the same waits, another one others") {
  Backoff a({milliseconds(1000), milliseconds(100'000)}, Random(1)), b({milliseconds(1000), milliseconds(100'000)}, Random(1)),
      c({milliseconds(1000), milliseconds(100'000)}, Random(2));
  bool differs = false;
  for (int i = 0; i < 10; ++i) {
    const auto wait = a.next();
    CHECK(wait == b.next());
    differs |= wait != c.next();
  }
  CHECK(differs);
}

TEST_CASE("nobody comes back before the server said, and not all at once") {
  Backoff backoff({milliseconds(100), milliseconds(1000)}, Random(3));
  const auto first = backoff.next(5000), second = backoff.next(5000);
  CHECK(first.count() >= 5000);
  CHECK(first.count() <= 5100);
  CHECK(second.count() >= 5000);
  CHECK(first != second);
}

TEST_CASE("a large number of attempts does not overflow") {
  Backoff backoff({milliseconds(100), milliseconds(30'000)}, Random(3));
  for (int i = 0; i < 10'000; ++i) CHECK(backoff.next().count() <= 30'000);
}

TEST_CASE("what is tried again") {
  struct Row {
    int status;
    bool safe, unsafe;
  };
  for (const auto& row :
       {Row{200, false, false}, Row{404, false, false}, Row{409, false, false}, Row{422, false, false}, Row{429, true, true},
        Row{500, true, false}, Row{501, false, false}, Row{503, true, false}, Row{504, true, false}}) {
    INFO(row.status);
    Response response;
    response.status = row.status;
    CHECK(worth_retrying(response, Repeat::safe) == row.safe);
    CHECK(worth_retrying(response, Repeat::unsafe) == row.unsafe);
  }
  const Result not_sent = Error(Code::unavailable, "").with_reason("NotSent");
  const Result lost = Error(Code::unavailable, "").with_reason("Lost");
  const Result cancelled = Error(Code::cancelled, "");
  CHECK(worth_retrying(not_sent, Repeat::unsafe));
  CHECK(worth_retrying(lost, Repeat::safe));
  CHECK_FALSE(worth_retrying(lost, Repeat::unsafe));
  CHECK_FALSE(worth_retrying(cancelled, Repeat::safe));
}

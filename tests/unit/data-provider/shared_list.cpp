#include "shared_list.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

using namespace operon;
using namespace operon::data_provider;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds long_time{60'000};

/// A cluster whose listings end when the test says so.
struct Cluster {
  struct Listing {
    SharedList::Ended ended;
    bool cancelled = false;
  };
  std::vector<std::shared_ptr<Listing>> listings;

  ~Cluster() {  // a real listing ends, at its deadline at the latest; these would know their list, and it them, for ever
    for (const auto& listing : listings) listing->ended = nullptr;
  }

  std::shared_ptr<SharedList::Asked> caller(std::vector<std::string>& told, milliseconds time = long_time) {
    auto asked = std::make_shared<SharedList::Asked>();
    asked->deadline = SharedList::Clock::now() + time;
    asked->done = [&told](const Error* error, const SharedList::Names& names) {
      told.push_back(error ? error->what() : "");
      for (const auto& name : names) told.back() += (told.back().empty() ? "" : " ") + name;
    };
    asked->begin = [this](SharedList::Clock::time_point, SharedList::Ended ended) {
      auto listing = std::make_shared<Listing>(Listing{std::move(ended)});
      listings.push_back(listing);
      return [listing] {
        listing->cancelled = true;
        listing->ended(Error(Code::cancelled, "cancelled"), {});
      };
    };
    return asked;
  }
};

std::shared_ptr<SharedList> shared(milliseconds age, size_t kept_bytes_max = 1000) {
  return std::make_shared<SharedList>(SharedListLimits{age, kept_bytes_max});
}

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("who asks while a list is on its way, or soon after, gets it too") {
  Cluster cluster;
  Told told;
  const auto list = shared(long_time);
  for (int i = 0; i < 3; ++i) list->ask(cluster.caller(told));
  REQUIRE(cluster.listings.size() == 1);
  CHECK(told.empty());
  cluster.listings[0]->ended({}, {"a", "b"});
  CHECK(told == Told{"a b", "a b", "a b"});
  list->ask(cluster.caller(told));
  CHECK(told.size() == 4);
  list->forget();
  list->ask(cluster.caller(told));
  CHECK(cluster.listings.size() == 2);
}

TEST_CASE("nobody gets an older list than the limit says") {
  Cluster cluster;
  Told told;
  SECTION("each call its own") {
    const auto list = shared(milliseconds(0));
    list->ask(cluster.caller(told));
    list->ask(cluster.caller(told));
    REQUIRE(cluster.listings.size() == 2);
    cluster.listings[1]->ended({}, {"new"});
    cluster.listings[0]->ended({}, {"old"});
    CHECK(told == Told{"new", "old"});
    list->ask(cluster.caller(told));
    CHECK(cluster.listings.size() == 3);
  }
  SECTION("a listing that takes longer is not joined, and what it brings is not kept") {
    const auto list = shared(milliseconds(20));
    list->ask(cluster.caller(told));
    const auto began = SharedList::Clock::now();
    while (SharedList::Clock::now() - began < milliseconds(21)) std::this_thread::yield();
    list->ask(cluster.caller(told));
    REQUIRE(cluster.listings.size() == 2);
    cluster.listings[0]->ended({}, {"old"});
    CHECK(told == Told{"old"});
    cluster.listings[1]->ended({}, {"new"});
    CHECK(told == Told{"old", "new"});
  }
  SECTION("a longer one is for those who wait, and is not kept") {
    const auto list = shared(long_time, 100);
    list->ask(cluster.caller(told));
    cluster.listings[0]->ended({}, {std::string(50, 'x'), std::string(50, 'x')});
    CHECK(told.size() == 1);
    list->ask(cluster.caller(told));
    CHECK(cluster.listings.size() == 2);
  }
}

TEST_CASE("a failure is told to all who wait, and not kept") {
  Cluster cluster;
  Told told;
  const auto list = shared(long_time);
  list->ask(cluster.caller(told));
  list->ask(cluster.caller(told));
  cluster.listings[0]->ended(Error(Code::permission_denied, "no"), {});
  CHECK(told == Told{"no", "no"});
  list->ask(cluster.caller(told));
  CHECK(cluster.listings.size() == 2);
}

TEST_CASE("a caller's end is not another's") {
  Cluster cluster;
  Told told, impatient;
  const auto list = shared(long_time);
  SECTION("who cancels goes, the listing stays for the others") {
    const auto first = cluster.caller(impatient);
    list->ask(first);
    list->ask(cluster.caller(told));
    list->cancel(first);
    list->cancel(first);
    CHECK(impatient == Told{"list nodes: cancelled"});
    CHECK_FALSE(cluster.listings[0]->cancelled);
    cluster.listings[0]->ended({}, {"a"});
    CHECK(told == Told{"a"});
  }
  SECTION("the last one who goes ends the listing, and the next begins anew") {
    const auto first = cluster.caller(impatient), second = cluster.caller(impatient);
    list->ask(first);
    list->ask(second);
    list->cancel(second);
    list->cancel(first);
    CHECK(cluster.listings[0]->cancelled);
    CHECK(impatient.size() == 2);
    list->ask(cluster.caller(told));
    REQUIRE(cluster.listings.size() == 2);
    cluster.listings[1]->ended({}, {"a"});
    CHECK(told == Told{"a"});
  }
  SECTION("a listing ends at the deadline of who began it; the others have more time") {
    list->ask(cluster.caller(impatient, milliseconds(0)));
    list->ask(cluster.caller(told));
    list->ask(cluster.caller(told));
    cluster.listings[0]->ended(Error(Code::deadline_exceeded, "too slow"), {});
    CHECK(impatient == Told{"too slow"});
    CHECK(told.empty());
    REQUIRE(cluster.listings.size() == 2);  // one, for both
    cluster.listings[1]->ended({}, {"a"});
    CHECK(told == Told{"a", "a"});
  }
}

TEST_CASE("a listing that cannot begin is the caller's error") {
  Told told;
  const auto list = shared(long_time);
  Cluster cluster;
  const auto broken = cluster.caller(told);
  broken->begin = [](SharedList::Clock::time_point, SharedList::Ended) -> SharedList::Cancel {
    throw Error(Code::invalid_argument, "bad");
  };
  CHECK_THROWS_WITH(list->ask(broken), "bad");
  CHECK(told.empty());
  list->ask(cluster.caller(told));
  CHECK(cluster.listings.size() == 1);
}

TEST_CASE("a thousand callers at once are all answered") {
  const auto list = shared(milliseconds(1));
  std::atomic<int> answered{0}, begun{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) {
        auto asked = std::make_shared<SharedList::Asked>();
        asked->deadline = SharedList::Clock::now() + long_time;
        asked->done = [&](const Error*, const SharedList::Names&) { ++answered; };
        asked->begin = [&](SharedList::Clock::time_point, SharedList::Ended ended) {
          ++begun;
          ended({}, {"a"});
          return [] {};
        };
        list->ask(asked);
        if (i % 3 == 0) list->cancel(asked);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(answered == 1000);
  CHECK(begun <= 1000);
}

#include "operon/scenario_image/catalogue.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <nlohmann/json.hpp>

#include "operon/error.hpp"

using namespace operon;
using namespace operon::scenario_image;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

std::string digest_of(const std::string& what) {
  std::string digits;
  for (size_t i = 0; i < 64; ++i) digits += "0123456789abcdef"[(std::hash<std::string>()(what) >> (i % 16) * 4) & 15];
  return "sha256:" + digits;
}

const Patience long_enough(std::chrono::seconds(60));

/// A registry in this process that counts what it is asked.
class Shelf final : public Source {
 public:
  std::vector<Tag> tags(const Patience&) override {
    ++lists;
    {
      std::unique_lock lock(mutex);
      opened.wait(lock, [this] { return lists_open || stopped; });
    }
    if (refuses) throw Error(Code::permission_denied, "these credentials may not read it");
    if (away && !lists_alone) throw Error(Code::unavailable, "no connection").with_reason(no_answer);
    std::lock_guard lock(mutex);
    std::vector<Tag> all;
    for (const auto& entry : images)
      all.push_back(
          {entry.first, tell ? std::optional(entry.second.digest) : std::nullopt, {}, tell ? std::optional<int64_t>(7) : std::nullopt});
    return all;
  }
  std::optional<std::string> digest_of_tag(const std::string& tag, const Patience&) override {
    ++digests;
    if (away) throw Error(Code::unavailable, "no connection").with_reason(no_answer);
    std::lock_guard lock(mutex);
    const auto found = images.find(tag);
    if (found == images.end()) throw Error(Code::not_found, "not there");
    return found->second.digest;
  }
  Image image(const std::string& tag_or_digest, const Patience&) override {
    const unsigned now = ++inside;
    unsigned most = at_once;
    while (now > most && !at_once.compare_exchange_weak(most, now)) {
    }
    ++fetches;
    std::unique_lock lock(mutex);
    opened.wait(lock, [this] { return open || stopped; });
    --inside;
    if (away) throw Error(Code::unavailable, "no connection").with_reason(no_answer);
    for (const auto& entry : images) {
      if (entry.first == tag_or_digest || entry.second.digest == tag_or_digest) return entry.second;
    }
    throw Error(Code::not_found, "not there");
  }
  void stop() override {
    std::lock_guard lock(mutex);
    stopped = true;
    opened.notify_all();
  }
  void put(const std::string& tag, const std::string& title, const std::string& fields = "[]") {
    std::lock_guard lock(mutex);
    images[tag] = {digest_of(tag + title), 100, "2026-01-02T03:04:05Z", {{"krknctl.title", title}, {"krknctl.input_fields", fields}}};
  }
  void let(bool through) {
    std::lock_guard lock(mutex);
    open = through;
    opened.notify_all();
  }

  std::mutex mutex;
  std::condition_variable opened;
  std::map<std::string, Image> images;
  bool open = true, lists_open = true, stopped = false;
  bool tell = false;  ///< the list tells of digests and sizes, as Quay's does
  std::atomic<bool> away{false}, refuses{false};
  std::atomic<bool> lists_alone{false};  ///< while it is away for all else
  std::atomic<unsigned> lists{0}, digests{0}, fetches{0}, inside{0}, at_once{0};
};

struct Desk {
  std::shared_ptr<Shelf> shelf = std::make_shared<Shelf>();
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
  std::vector<std::string> skipped;
  std::mutex mutex;
  Catalogue catalogue;

  explicit Desk(CatalogueLimits limits = {})
      : catalogue(shelf, limits,
                  {[this](const std::string& tag, const std::string& reason) {
                     std::lock_guard lock(mutex);
                     skipped.push_back(tag + ": " + reason);
                   },
                   {}},
                  [this] { return now; }) {}
  std::string names() {
    std::string text;
    for (const auto& entry : catalogue.list(long_enough).entries) text += entry.name + " ";
    return text;
  }
};

}  // namespace

TEST_CASE("a list reads each image once, at most eight at a time, and asks nothing while it is fresh") {
  Desk desk;
  for (int i = 0; i < 100; ++i) desk.shelf->put("t" + std::to_string(100 + i), "x");
  desk.shelf->put("t100.sig", "x");
  CHECK(desk.catalogue.list(long_enough).entries.size() == 100);
  CHECK(desk.shelf->fetches == 100);
  CHECK(desk.shelf->at_once <= FetchPool::fetches_at_once_max);
  CHECK(desk.catalogue.list(long_enough).entries.size() == 100);
  CHECK(desk.shelf->lists == 1);
  CHECK(desk.shelf->fetches == 100);
  CHECK(desk.shelf->digests == 0);
}

TEST_CASE("old tags are asked for their digest alone; a moved one is read again") {
  Desk desk;
  desk.shelf->put("a", "one");
  desk.shelf->put("b", "two");
  CHECK(desk.names() == "a b ");
  desk.now += seconds(601);
  desk.shelf->put("b", "three");
  CHECK(desk.names() == "a b ");
  CHECK(desk.shelf->digests == 2);
  CHECK(desk.shelf->fetches == 3);
  CHECK(desk.catalogue.find("b", long_enough).image->labels.at("krknctl.title") == "three");
}

TEST_CASE("a tag that was shown with another digest than the remembered one is asked for anew") {
  Desk desk;
  desk.shelf->put("a", "one");
  CHECK(desk.names() == "a ");
  desk.shelf->put("a", "two");
  const std::string one = digest_of("aone"), two = digest_of("atwo");
  CHECK(desk.catalogue.find("a", long_enough).image->digest == one);
  CHECK(desk.catalogue.find("a", long_enough, one).image->digest == one);
  CHECK(desk.shelf->digests == 0);
  CHECK(desk.catalogue.find("a", long_enough, two).image->digest == two);
  CHECK(desk.shelf->digests == 1);
  CHECK(desk.catalogue.find("a", long_enough).image->digest == two);  // the memory is known to be old
}

TEST_CASE("a registry that is away leaves the list as it was, with its age") {
  Desk desk;
  desk.shelf->put("a", "one");
  CHECK(desk.names() == "a ");
  desk.shelf->away = true;
  desk.now += seconds(700);
  const auto list = desk.catalogue.list(long_enough);
  CHECK(list.entries.size() == 1);
  CHECK(list.age == seconds(700));
  CHECK_FALSE(list.partial);
  desk.shelf->away = false;
  CHECK(desk.catalogue.list(long_enough).age == seconds(700));  // it is left alone for a while
  desk.now += seconds(61);
  CHECK(desk.catalogue.list(long_enough).age == milliseconds(0));
  Desk never;
  never.shelf->away = true;
  CHECK_THROWS_AS(never.catalogue.list(long_enough), Error);
}

TEST_CASE("a registry that could not be reached is not waited for again at once") {
  Desk desk;
  desk.shelf->put("a", "one");
  desk.shelf->put("b", "two");
  CHECK(desk.catalogue.find("a", long_enough).name == "a");
  desk.shelf->away = true;
  CHECK_THROWS_WITH(desk.catalogue.find("b", long_enough), "no connection");
  desk.shelf->away = false;
  const unsigned asked = desk.shelf->digests;
  CHECK_THROWS_WITH(desk.catalogue.find("b", long_enough), "no connection; it is asked again in a few seconds");
  CHECK_THROWS_AS(desk.catalogue.find(digest_of("btwo"), long_enough), Error);
  CHECK(desk.shelf->digests == asked);
  CHECK(desk.catalogue.find(digest_of("aone"), long_enough).image);  // known
  desk.now += seconds(11);
  CHECK(desk.catalogue.find("b", long_enough).name == "b");
  CHECK_THROWS_AS(desk.catalogue.find("absent", long_enough), Error);  // an answer
  CHECK(desk.catalogue.find(digest_of("btwo"), long_enough).image);
}

TEST_CASE("many who want the list ask for it once, and are told the same") {
  for (const bool away : {false, true}) {
    Desk desk;
    desk.shelf->put("a", "one");
    desk.shelf->away = away;
    desk.shelf->lists_open = false;
    std::atomic<unsigned> waiting{0}, told{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 8; ++i) {
      callers.emplace_back([&] {
        ++waiting;
        try {
          if (desk.catalogue.list(long_enough).entries.size() == 1) ++told;
        } catch (const Error& e) {
          if (away && e.code() == Code::unavailable) ++told;
        }
      });
    }
    while (waiting < 8 || desk.shelf->lists == 0) std::this_thread::yield();
    CHECK_THROWS_WITH(desk.catalogue.list(Patience(milliseconds(20))), Catch::Contains("still being asked"));
    {
      std::lock_guard lock(desk.shelf->mutex);
      desk.shelf->lists_open = true;
      desk.shelf->opened.notify_all();
    }
    for (auto& caller : callers) caller.join();
    CHECK(told == 8);
    if (!away) CHECK(desk.shelf->lists == 1);
  }
}

TEST_CASE("a refusal is an answer, as long as the registry refuses") {
  Desk desk;
  desk.shelf->put("a", "one");
  CHECK(desk.names() == "a ");
  desk.now += seconds(61);
  desk.shelf->refuses = true;
  for (int i = 0; i < 3; ++i) {
    CHECK_THROWS_AS(desk.catalogue.list(long_enough), Error);
    desk.now += seconds(20);
  }
  desk.shelf->refuses = false;
  desk.now += seconds(61);
  CHECK(desk.names() == "a ");
}

TEST_CASE("while a registry is away its tags do not wait for their time-outs one after the other") {
  Desk desk;
  for (int i = 0; i < 100; ++i) desk.shelf->put("tag" + std::to_string(i), "one");
  CHECK(desk.catalogue.list(long_enough).entries.size() == 100);
  desk.now += seconds(601);
  desk.shelf->away = true;
  desk.shelf->lists_alone = true;
  const auto list = desk.catalogue.list(long_enough);
  CHECK(list.entries.size() == 100);
  CHECK_FALSE(list.partial);
  CHECK(desk.shelf->digests <= FetchPool::fetches_at_once_max);
  CHECK(desk.skipped == std::vector<std::string>{": images are not read: no connection"});
  desk.shelf->away = false;
  desk.now += seconds(11);
  CHECK(desk.catalogue.list(long_enough).entries.size() == 100);
  CHECK(desk.shelf->digests >= 100);
}

TEST_CASE("why images are not read is told, also when somebody else met it first") {
  Desk desk;
  desk.shelf->put("a", "one");
  CHECK(desk.names() == "a ");
  desk.now += seconds(601);
  desk.shelf->away = true;
  desk.shelf->lists_alone = true;
  CHECK_THROWS_WITH(desk.catalogue.find("b", long_enough), "no connection");
  CHECK(desk.catalogue.list(long_enough).entries.size() == 1);
  CHECK(desk.skipped == std::vector<std::string>{": images are not read: no connection"});
}

TEST_CASE("a list that takes too long answers with what it has, and goes on") {
  CatalogueLimits limits;
  limits.list_wait_ms_max = milliseconds(20);
  Desk desk(limits);
  desk.shelf->put("a", "one");
  desk.shelf->let(false);
  auto list = desk.catalogue.list(long_enough);
  CHECK(list.partial);
  CHECK(list.entries.empty());
  desk.shelf->let(true);
  for (int i = 0; i < 1000 && list.partial; ++i) list = desk.catalogue.list(long_enough);
  CHECK(list.entries.size() == 1);
  CHECK(desk.shelf->fetches == 1);
}

TEST_CASE("a broken tag is said once and left out; no scenario is found by it") {
  Desk desk;
  desk.shelf->put("good", "one");
  desk.shelf->put("bad", "two", "{");
  CHECK(desk.names() == "good ");
  CHECK(desk.names() == "good ");
  desk.now += seconds(61);
  CHECK(desk.names() == "good ");
  CHECK(desk.skipped == std::vector<std::string>{"bad: label krknctl.input_fields is not JSON"});
  CHECK_THROWS_AS(desk.catalogue.find("absent", long_enough), Error);
  CHECK(desk.catalogue.find(digest_of("goodone"), long_enough).image->labels.at("krknctl.title") == "one");
}

TEST_CASE("whoever waits for a list is sent away at the end") {
  Desk desk;
  desk.shelf->put("a", "one");
  desk.shelf->let(false);
  std::atomic<bool> sent_away{false};
  std::thread waiting([&] {
    try {
      desk.catalogue.list(long_enough);
    } catch (const Error& e) {
      sent_away = e.code() == Code::cancelled;
    }
  });
  while (desk.shelf->inside == 0) std::this_thread::yield();
  desk.catalogue.stop();
  waiting.join();
  CHECK(sent_away);
}

TEST_CASE("a list that tells of digests costs no request for what has not moved, nor for what is broken") {
  Desk desk;
  desk.shelf->tell = true;
  desk.shelf->put("good", "one");
  desk.shelf->put("bad", "two", "{");
  CHECK(desk.names() == "good ");
  const unsigned fetches = desk.shelf->fetches;
  for (int i = 0; i < 3; ++i) CHECK(desk.names() == "good ");
  CHECK(desk.shelf->fetches == fetches);
  desk.now += seconds(61);
  desk.shelf->put("good", "three");
  CHECK(desk.names() == "good ");
  CHECK(desk.shelf->fetches == fetches + 1);
  CHECK(desk.shelf->digests == 0);
}

TEST_CASE("sizes of a list are told whoever asked first, by tag or by digest") {
  Desk desk;
  desk.shelf->tell = true;
  desk.shelf->put("a", "one");
  CHECK(desk.catalogue.find("a", long_enough).size == 100);
  CHECK(desk.catalogue.list(long_enough).entries.at(0).size == 7);
}

TEST_CASE("images are forgotten when nothing names them, and refused when there is no room at all") {
  CatalogueLimits limits;
  limits.images_max = 3;
  Desk desk(limits);
  for (int i = 0; i < 10; ++i) {
    desk.shelf->put("moves", std::to_string(i));
    CHECK(desk.catalogue.find(digest_of("moves" + std::to_string(i)), long_enough).image->labels.at("krknctl.title") == std::to_string(i));
  }
  for (const char* tag : {"a", "b", "c", "d"}) desk.shelf->put(tag, "x");
  desk.catalogue.list(long_enough);
  CHECK(desk.skipped.size() == 2);  // of five tags three have room
  CHECK(desk.skipped.at(0).find("images_max") != std::string::npos);
  CHECK(desk.catalogue.find("d", long_enough).image);  // whoever asks for one gets it
}

TEST_CASE("who has no patience is not kept waiting") {
  Desk desk;
  desk.shelf->put("a", "one");
  desk.shelf->let(false);
  CHECK(desk.catalogue.list(Patience(milliseconds(10))).partial);
  desk.shelf->let(true);
}

#include <catch2/catch.hpp>

#include "core/jobs/page_cache.hpp"

namespace operon::jobs {
namespace {

PageRows rows(const std::string& id, size_t bytes) {
  return std::make_shared<const std::vector<PageRow>>(std::vector<PageRow>{{{1, id}, std::string(bytes, 'x')}});
}

}  // namespace

TEST_CASE("a page is kept until something changes") {
  PageCache cache(10000);
  CHECK_FALSE(cache.find("q"));
  cache.keep(cache.version(), "q", rows("a", 10));
  REQUIRE(cache.find("q"));
  CHECK(cache.find("q")->front().key.id == "a");
  cache.changed();
  CHECK_FALSE(cache.find("q"));
}

TEST_CASE("a page read beside a change is not kept for after it") {
  PageCache cache(10000);
  const auto before = cache.version();
  cache.changed();
  cache.keep(before, "q", rows("a", 10));
  CHECK_FALSE(cache.find("q"));
}

TEST_CASE("the page asked for longest ago makes room, one that is too large is not kept") {
  PageCache cache(10000);
  for (const char* question : {"1", "2", "3"}) cache.keep(cache.version(), question, rows(question, 2800));
  CHECK(cache.find("1"));
  cache.keep(cache.version(), "4", rows("4", 2800));
  CHECK(cache.find("1"));
  CHECK_FALSE(cache.find("2"));
  CHECK(cache.find("3"));
  CHECK(cache.find("4"));
  cache.keep(cache.version(), "large", rows("l", 10000));
  CHECK_FALSE(cache.find("large"));
  CHECK(cache.find("4"));
}

TEST_CASE("different questions have different texts, whatever names hold") {
  JobFilter a, b, c;
  a.scenario_name = "x\n1 y";
  b.scenario_name = "x";
  b.target_id = "y";
  c.cluster_name = "x\n1 y";
  const std::optional<PageKey> none;
  CHECK(page_question(a, 5, none) != page_question(b, 5, none));
  CHECK(page_question(a, 5, none) != page_question(c, 5, none));
  CHECK(page_question(a, 5, none) != page_question(a, 6, none));
  CHECK(page_question(a, 5, none) != page_question(a, 5, PageKey{0, ""}));
  CHECK(page_question(a, 5, PageKey{1, "i"}) != page_question(a, 5, PageKey{1, "j"}));
  a.phase = Phase::failed;
  CHECK(page_question(a, 5, none) == page_question(a, 5, none));
}

}  // namespace operon::jobs

#include "core/kube/object_cache.hpp"

#include <catch2/catch.hpp>

using namespace operon;
using namespace operon::kube;

namespace {

ObjectPtr object(std::string_view key, uint64_t version, std::string_view uid = "u") {
  return std::make_shared<const Object>(key, uid, std::to_string(version), "{}");
}

}  // namespace

TEST_CASE("an older state does not replace a newer one") {
  ObjectCache cache;
  CHECK(cache.put(object("n/a", 5)));
  CHECK_FALSE(cache.put(object("n/a", 5)));
  CHECK_FALSE(cache.put(object("n/a", 4)));
  CHECK(cache.get("n/a")->version() == 5);
  const auto change = cache.put(object("n/a", 6));
  REQUIRE(change);
  CHECK(change->before->version() == 5);
  CHECK(change->now->version() == 6);
}

TEST_CASE("what a list does not name is gone, unless we wrote it after the list was made") {
  ObjectCache cache;
  cache.put(object("a", 1));
  cache.put(object("b", 2));
  cache.begin_list();
  cache.put(object("b", 2));
  cache.put_written(object("c", 20));
  cache.put(object("d", 3));
  const auto gone = cache.end_list(10);
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].before->key() == "a");
  CHECK_FALSE(gone[0].now);
  CHECK(cache.size() == 3);
}

TEST_CASE("a write of ours is seen at once, and late news of before is not taken") {
  ObjectCache cache;
  cache.put(object("a", 1));
  cache.seen(5);
  CHECK(cache.put_written(object("a", 9)));
  CHECK_FALSE(cache.put(object("a", 8)));
  CHECK(cache.get("a")->version() == 9);
}

TEST_CASE("the late answer of a write does not bring a deleted object back") {
  ObjectCache cache;
  cache.seen(12);  // the watch has shown creation (10) and deletion (12)
  CHECK_FALSE(cache.put_written(object("a", 10)));
  CHECK(cache.size() == 0);
}

TEST_CASE("an object of the same name made anew survives the deletion of the old one") {
  ObjectCache cache;
  cache.put(object("a", 1, "old"));
  cache.put_written(object("a", 7, "new"));
  CHECK_FALSE(cache.remove(*object("a", 6, "old")));
  CHECK(cache.get("a")->uid() == "new");
}

TEST_CASE("what we removed is not shown again by events from before") {
  ObjectCache cache;
  cache.put(object("a", 1));
  CHECK(cache.remove_written("a"));
  CHECK_FALSE(cache.put(object("a", 2)));
  CHECK_FALSE(cache.remove(*object("a", 3)));
  CHECK(cache.put(object("a", 4, "another")));
}

TEST_CASE("a noted version is behind until something at least as new was seen") {
  ObjectCache cache;
  cache.put(object("a", 1));
  cache.note_version("a", 5);
  CHECK(cache.behind("a"));
  cache.put(object("a", 4));
  CHECK(cache.behind("a"));
  cache.put(object("a", 6));
  CHECK_FALSE(cache.behind("a"));
  cache.note_version("a", 6);
  CHECK_FALSE(cache.behind("a"));
  cache.note_version("gone", 8);
  CHECK(cache.behind("gone"));
  cache.seen(8);  // whatever became of it
  CHECK_FALSE(cache.behind("gone"));
}

TEST_CASE("lists are by namespace and in order, pages go on where the last one ended") {
  ObjectCache cache;
  for (const char* key : {"b/2", "a/1", "b/1", "bc/1", "b/3"}) cache.put(object(key, 1));
  const auto b = cache.list("b");
  REQUIRE(b.size() == 3);
  CHECK(b[0]->key() == "b/1");
  CHECK(cache.list({}).size() == 5);
  const auto first = cache.page({}, 2);
  REQUIRE(first.size() == 2);
  CHECK(cache.page(first.back()->key(), 10).size() == 3);
}

#include <catch2/catch.hpp>
#include <fstream>

#include "core/base/ids.hpp"
#include "core/targets/store.hpp"
#include "tests/unit/targets/temporary_folder.hpp"

using namespace operon;
using namespace operon::targets;

namespace {

TargetRequest sample() {
  TargetRequest r;
  r.id = base::uuid_v4();
  r.status = RequestStatus::completed;
  r.target_data["one"] = {{"cluster-a", "https://a"}, {"clu\"ster,b", ""}};
  r.target_data["empty"] = {};
  r.conditions = {{"Partial", "ProvidersFailed", "two: did not answer within 30 s", 5}};
  r.created_unix_ms = 1;
  r.last_used_unix_ms = 2;
  r.completed_unix_ms = 3;
  return r;
}

}  // namespace

TEST_CASE("a saved target request comes back whole") {
  test::TemporaryFolder folder;
  const auto r = sample();
  file_store(folder.path() / "targets")->save(r);

  const auto all = file_store(folder.path() / "targets")->load();
  REQUIRE(all.size() == 1);
  CHECK(all[0].id == r.id);
  CHECK(all[0].status == RequestStatus::completed);
  REQUIRE(all[0].target_data.at("one").size() == 2);
  CHECK(all[0].target_data.at("one")[1].cluster_name == "clu\"ster,b");
  CHECK(all[0].target_data.at("empty").empty());
  REQUIRE(all[0].conditions.size() == 1);
  CHECK(all[0].conditions[0].message == "two: did not answer within 30 s");
  CHECK(all[0].created_unix_ms == 1);
  CHECK(all[0].last_used_unix_ms == 2);
  CHECK(all[0].completed_unix_ms == 3);
}

TEST_CASE("a torn or foreign file keeps neither the others nor the host from coming back") {
  test::TemporaryFolder folder;
  const auto store = file_store(folder.path());
  const auto r = sample();
  store->save(r);
  std::ofstream(folder.path() / (base::uuid_v4() + ".json")) << R"({"id":"torn)";
  std::ofstream(folder.path() / (base::uuid_v4() + ".json")) << R"({"id":"other","status":"Pending"})";
  std::ofstream(folder.path() / "README.txt") << "not ours";

  const auto all = store->load();
  REQUIRE(all.size() == 1);
  CHECK(all[0].id == r.id);
}

TEST_CASE("a removed target request stays away, and removing it twice is fine") {
  test::TemporaryFolder folder;
  const auto store = file_store(folder.path());
  const auto r = sample();
  store->save(r);
  store->remove(r.id);
  store->remove(r.id);
  CHECK(store->load().empty());
}

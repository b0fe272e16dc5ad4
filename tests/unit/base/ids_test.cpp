#include "core/base/ids.hpp"

#include <catch2/catch.hpp>
#include <set>

namespace operon::base {
namespace {

TEST_CASE("random ids have their form and do not repeat") {
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) {
    std::string id = uuid_v4();
    REQUIRE(is_uuid(id));
    CHECK(id[14] == '4');
    CHECK(std::string("89ab").find(id[19]) != std::string::npos);
    CHECK(seen.insert(id).second);
  }
  CHECK(random_hex(8).size() == 16);
}

TEST_CASE("name-based ids are the same everywhere and keep name space and name apart") {
  CHECK(uuid_v5("default", "key-1") == "090afb2b-1b1a-5480-afc1-0541c00f4884");
  CHECK(uuid_v5("a", "bc") != uuid_v5("ab", "c"));
  CHECK(uuid_v5("default", "key-1")[14] == '5');
}

TEST_CASE("only the form of a UUID is one") {
  CHECK(is_uuid("123e4567-e89b-12d3-a456-426614174000"));
  CHECK(is_uuid("123E4567-E89B-12D3-A456-426614174000"));
  for (const char* text :
       {"", "123e4567-e89b-12d3-a456-42661417400", "123e4567-e89b-12d3-a456-4266141740000", "123e4567xe89b-12d3-a456-426614174000",
        "123e4567-e89b-12d3-a456-42661417400g", "../../../../../../../../etc/passwd"}) {
    INFO(text);
    CHECK_FALSE(is_uuid(text));
  }
}

TEST_CASE("SHA-256 of the standard's examples") {
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace operon::base

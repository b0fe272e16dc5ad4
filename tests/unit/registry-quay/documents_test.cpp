#include "documents.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "operon/error.hpp"

using namespace registry_quay;
using nlohmann::json;

namespace {

std::string some(char c) {
  return "sha256:" + std::string(64, c);
}

}  // namespace

TEST_CASE("dates as Quay writes them") {
  CHECK(rfc3339_of("Mon, 02 Jan 2006 15:04:05 -0000") == "2006-01-02T15:04:05Z");
  CHECK(rfc3339_of("Mon, 02 Jan 2006 15:04:05 +0000") == "2006-01-02T15:04:05Z");
  CHECK(rfc3339_of("Mon, 02 Jan 2006 15:04:05 -0700") == "2006-01-02T15:04:05-07:00");
  CHECK(rfc3339_of("Sun, 31 Dec 2023 23:59:60 +0530") == "2023-12-31T23:59:60+05:30");
  for (const char* text :
       {"", "yesterday", "Mon, 02 Foo 2006 15:04:05 -0700", "Mon, 99 Jan 2006 15:04:05 -0700", "Mon, 02 Jan 2006 25:04:05 -0700",
        "Mon, 02 Jan 2006 15:04:05 -0700x", "Mon, 02 Jan 2006 15:04:05 -7", "2006-01-02T15:04:05Z"}) {
    INFO(text);
    CHECK_FALSE(rfc3339_of(text));
  }
}

TEST_CASE("a page of tags; what makes no sense in it is left out alone") {
  const json body = {
      {"has_additional", true},
      {"tags",
       {{{"name", "cpu-hog"}, {"manifest_digest", some('a')}, {"size", 5}, {"last_modified", "Mon, 02 Jan 2006 15:04:05 -0000"}},
        {{"name", "no-date"}, {"manifest_digest", some('b')}, {"size", "big"}, {"last_modified", "soon"}},
        {{"name", "no digest"}, {"manifest_digest", "latest"}},
        {{"name", "../up"}, {"manifest_digest", some('c')}},
        7}}};
  const auto page = read_tags(body.dump(), "here");
  CHECK(page.more);
  REQUIRE(page.tags.size() == 2);
  CHECK(page.tags[0].size == 5);
  CHECK(page.tags[0].last_modified == "2006-01-02T15:04:05Z");
  CHECK(page.tags[0].digest == some('a'));
  CHECK_FALSE(page.tags[1].size);
  CHECK_FALSE(page.tags[1].last_modified);
  for (const char* wrong : {"<html>", "[]", "{}", R"({"tags":{}})"}) CHECK_THROWS_WITH(read_tags(wrong, "here"), Catch::StartsWith("here"));
}

TEST_CASE("a manifest's labels, base to leaf, and the list that leads to one") {
  const json image = {{"is_manifest_list", false},
                      {"layers",
                       {{{"command", nullptr}},
                        {{"command", {"/bin/sh -c #(nop) LABEL krknctl.title=\"CPU Hog\""}}},
                        {{"command", {"LABEL", "krknctl.description=hogs it"}}},
                        {{"command", "LABEL krknctl.title=Later"}},
                        {{"command", 7}}}}};
  const auto page = read_manifest(image.dump(), "amd64", "here");
  CHECK(page.digest.empty());
  CHECK(page.labels.at("krknctl.title") == "CPU Hog");
  CHECK(page.labels.at("krknctl.description") == "hogs it");

  const json entries = {{"manifests",
                         {{{"digest", some('1')}, {"platform", {{"architecture", "arm64"}}}},
                          {{"digest", some('2')}, {"platform", {{"architecture", "amd64"}}}}}}};
  const auto list = [&](const char* architecture) {
    return read_manifest(json{{"is_manifest_list", true}, {"manifest_data", entries.dump()}}.dump(), architecture, "here").digest;
  };
  CHECK(list("amd64") == some('2'));
  CHECK(list("s390x") == some('1'));
  CHECK_THROWS_WITH(read_manifest(R"({"is_manifest_list":true,"manifest_data":"{"})", "amd64", "here"), "here: manifest_data is not JSON");
  CHECK_THROWS_WITH(read_manifest(R"({"is_manifest_list":true,"manifest_data":"{}"})", "amd64", "here"),
                    "here: a manifest list without manifests");
}

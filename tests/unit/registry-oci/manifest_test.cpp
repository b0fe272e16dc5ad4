#include "manifest.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "digest.hpp"
#include "operon/base64.hpp"
#include "operon/error.hpp"

using namespace registry_oci;
using nlohmann::json;
using operon::Error;

namespace {

std::string some(char c) {
  return "sha256:" + std::string(64, c);
}

json image() {
  return {{"schemaVersion", 2},
          {"config", {{"digest", some('c')}, {"size", 100}}},
          {"layers", {{{"digest", some('1')}, {"size", 20}}, {{"digest", some('2')}, {"size", 3}}}}};
}

Manifest read(const json& document, const char* type = "") {
  return read_manifest(document.dump(), type, "here");
}

}  // namespace

TEST_CASE("digests") {
  CHECK(digest_of("") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(is_digest(some('a')));
  CHECK_FALSE(is_digest(some('A')));
  CHECK_FALSE(is_digest("sha512:" + std::string(64, 'a')));
  CHECK_FALSE(is_digest("sha384:" + std::string(96, 'a')));
  CHECK(is_digest("sha512:" + std::string(128, 'a')));
  CHECK(digest_like("sha256:", "") == digest_of(""));
  CHECK(digest_like("sha512:", "") ==
        "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af9"
        "27da3e");
  CHECK_FALSE(is_digest(some('a') + "a"));
}

TEST_CASE("an image's manifest") {
  const auto manifest = read(image());
  CHECK_FALSE(manifest.is_index());
  CHECK(manifest.config_digest == some('c'));
  CHECK(manifest.size == 123);
}

TEST_CASE("an index, and which of its images is taken") {
  const auto entry = [](char c, const char* architecture, const char* os = "linux") {
    return json{{"digest", some(c)}, {"platform", {{"architecture", architecture}, {"os", os}}}};
  };
  const auto index =
      read({{"manifests", {entry('1', "amd64", "windows"), entry('2', "unknown", "unknown"), entry('3', "arm64"), entry('4', "amd64")}}});
  REQUIRE(index.is_index());
  CHECK_THROWS_AS(read({{"manifests", {json{{"digest", "latest"}}}}}), Error);
  CHECK(choose(index, "amd64").digest == some('4'));
  CHECK(choose(index, "s390x").digest == some('3'));
}

TEST_CASE("documents that make no sense say where") {
  for (const auto& document : {json{{"schemaVersion", 2}}, json{{"manifests", json::array()}}, json{{"manifests", "x"}},
                               json{{"config", {{"digest", "x"}}}}, json{{"config", {{"digest", some('c')}}}}, json::array({1})}) {
    INFO(document.dump());
    CHECK_THROWS_WITH(read(document), Catch::StartsWith("here: "));
  }
  auto many = image();
  for (size_t i = 0; i < layers_max; ++i) many["layers"].push_back({{"digest", some('1')}, {"size", 1}});
  CHECK_THROWS_WITH(read(many), "here: more than 1024 layers");
  CHECK(read({{"config", {{"digest", some('c')}, {"size", "big"}}}, {"layers", json::array({json{{"size", -5}}})}}).size == 0);
}

TEST_CASE("schema 1 has its labels in its history, newest first") {
  const auto layer = [](const json& what) { return json{{"v1Compatibility", what.dump()}}; };
  const auto manifest =
      read({{"schemaVersion", 1},
            {"history",
             {layer({{"created", "2026-01-02T03:04:05Z"},
                     {"container_config", {{"Cmd", {"/bin/sh", "-c", "#(nop) ", "LABEL krknctl.title=\"CPU Hog\""}}}}}),
              layer({{"created", "2025-01-01T00:00:00Z"},
                     {"container_config", {{"Cmd", {"/bin/sh", "-c", "#(nop) LABEL krknctl.title=old krknctl.description=base"}}}}})}}});
  REQUIRE(manifest.config);
  CHECK(manifest.config->created == "2026-01-02T03:04:05Z");
  CHECK(manifest.config->labels.at("krknctl.title") == "CPU Hog");
  CHECK(manifest.config->labels.at("krknctl.description") == "base");
}

TEST_CASE("a signed schema 1 has the digest of what was signed") {
  const std::string payload = "{\n   \"schemaVersion\": 1\n}";
  std::string about = operon::base64_encode(json{{"formatLength", payload.size() - 2}, {"formatTail", "Cn0"}}.dump());
  while (about.back() == '=') about.pop_back();
  const std::string whole = payload.substr(0, payload.size() - 2) + ",\n   \"signatures\": [{\"protected\": \"" + about + "\"}]\n}";
  CHECK(signed_part(whole) == payload);
  CHECK(signed_part(payload) == payload);
  CHECK(signed_part("no JSON") == "no JSON");
  // Of another kind of manifest all is what its digest is of, whatever it says of signatures.
  const std::string other = R"({"schemaVersion":2,"signatures":[{"protected":")" + about + R"("}]})";
  CHECK(signed_part(other) == other);
  CHECK_THROWS_AS(signed_part("{\"signatures\":" + std::string(10'000, '[')), operon::Error);
}

TEST_CASE("sizes that make no sense add up to the most that there is") {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const json layer{{"digest", digest}, {"size", INT64_MAX}};
  const json manifest{{"schemaVersion", 2}, {"config", layer}, {"layers", {layer, layer}}};
  CHECK(read_manifest(manifest.dump(), "", "x").size == INT64_MAX);
}

TEST_CASE("a document of very many values is refused before it takes memory") {
  std::string many = R"({"schemaVersion":1,"signatures":[)";
  for (int i = 0; i < 200'000; ++i) many += "[],";
  many += "1]}";
  CHECK_THROWS_WITH(signed_part(many), Catch::Contains("json_values_max"));
  CHECK_THROWS_WITH(read_config(many, "x"), Catch::Contains("json_values_max"));
}

#include "core/kube/object.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace operon;
using namespace operon::kube;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

std::string padded(std::string text) {
  text.reserve(text.size() + 64);
  return text;
}

ObjectPtr parse(const std::string& text, const Trim& trim = {}) {
  return ObjectParser(trim).parse(padded(text));
}

const std::string pod = R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"n","uid":"u-1","resourceVersion":"42",
  "labels":{"x":"1"},"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","keep/me":"yes"},
  "managedFields":[{"manager":"kubectl"}]},"spec":{"nodeName":"node","containers":[{"name":"c","image":"i"}]},"status":{"phase":"Running","podIP":"1.2.3.4"}})";

}  // namespace

TEST_CASE("an object keeps everything but what the API server notes for itself") {
  const auto object = parse(pod);
  CHECK(object->key() == "n/a");
  CHECK(object->name_space() == "n");
  CHECK(object->name() == "a");
  CHECK(object->uid() == "u-1");
  CHECK(object->resource_version() == "42");
  CHECK(object->version() == 42);
  auto expected = json::parse(pod);
  expected["metadata"].erase("managedFields");
  expected["metadata"]["annotations"].erase("kubectl.kubernetes.io/last-applied-configuration");
  CHECK(object->parse() == expected);
}

TEST_CASE("only what is wanted is kept, and always what names it") {
  const auto object = parse(pod, {{"status.phase", "metadata.labels"}, {}});
  CHECK(object->parse() == json::parse(R"({"metadata":{"name":"a","namespace":"n","uid":"u-1","resourceVersion":"42","labels":{"x":"1"}},
                                           "status":{"phase":"Running"}})"));
  CHECK(parse(pod, {{"spec"}, {}})->key() == "n/a");
  const auto bare = parse(pod, {{"metadata", "spec"}, {"metadata.managedFields", "spec.containers"}});
  CHECK_FALSE(bare->parse()["metadata"].contains("managedFields"));
  CHECK(bare->parse()["spec"] == json{{"nodeName", "node"}});
  CHECK_FALSE(bare->parse().contains("status"));
}

TEST_CASE("cluster-scoped objects have their name as key") {
  CHECK(parse(R"({"metadata":{"name":"a","resourceVersion":"1"}})")->key() == "a");
}

TEST_CASE("members of the same name elsewhere do not rename an object") {
  const auto object = parse(R"({"spec":{"metadata":{"name":"wrong","resourceVersion":"9"}},"metadata":{"name":"a","resourceVersion":"1",
                                "ownerReferences":[{"name":"owner","uid":"o"}]}})");
  CHECK(object->key() == "a");
  CHECK(object->uid().empty());
  CHECK(object->version() == 1);
  CHECK(parse(R"({"metadata":{"name":"a","resourceVersion":"1"},"spec":{"name":"wrong","x":1}})", {{"spec.name"}, {}})->key() == "a");
}

TEST_CASE("escapes and unusual values go through unchanged") {
  const std::string text =
      R"({"metadata":{"name":"a","resourceVersion":"1"},"data":{"q\"\\uote":"line\nü\u0041","n":-1.5e300,"b":[true,null,{}],"e":{}}})";
  CHECK(parse(text)->parse() == json::parse(text));
}

TEST_CASE("a part of an object is what the whole has there") {
  const auto check = [](const ObjectPtr& object, std::initializer_list<const char*> pointers) {
    const auto whole = object->parse();
    for (const char* pointer : pointers) {
      INFO(pointer);
      const json::json_pointer where{std::string(pointer)};
      CHECK(object->at(pointer) == (whole.contains(where) ? whole.at(where) : json()));
    }
  };
  check(parse(pod),
        {"", "/kind", "/metadata", "/metadata/labels/x", "/metadata/annotations/keep~1me", "/spec/containers", "/spec/containers/0/image",
         "/status/podIP", "/status/none", "/none/of/it", "/spec/containers/1", "/kind/below", "/spec/containers/name"});
  const auto odd =
      parse(R"({"metadata":{"name":"a","resourceVersion":"1"},"s":{"q\"\\uote":"line\nü\u0041","n":-1.5e300,"i":7,"z":-7,"b":[true,null,{}],
                             "tilde~":1,"\u003ctag":"t","":"empty"}})");
  check(odd, {"/s", "/s/q\"\\uote", "/s/n", "/s/i", "/s/z", "/s/b", "/s/b/1", "/s/b/2", "/s/tilde~0", "/s/<tag", "/s/"});
  CHECK(odd->at("/s/q\"\\uote") == "line\nüA");
  CHECK(odd->at("/s/<tag") == "t");
  const auto large =
      parse(R"({"metadata":{"name":"a","resourceVersion":"1"},"data":{"long":")" + std::string(100'000, 'x') + R"(","after":"y"}})");
  check(large, {"/data/long", "/data/after", "/data"});
}

TEST_CASE("what is no object is refused with words") {
  for (const char* text :
       {"[]", "12", "{", R"({"metadata":{}})", R"({"metadata":{"name":"a"}})", R"({"metadata":[]})",
        R"({"metadata":{"name":7,"resourceVersion":"1"}})", R"({"metadata":{"name":"a\u0041","resourceVersion":"1"}})", ""}) {
    INFO(text);
    CHECK_THROWS_AS(parse(text), Error);
  }
}

TEST_CASE("a list gives its items, and a bad one costs only itself") {
  ObjectParser parser({});
  std::vector<std::string> keys;
  int skipped = 0;
  const auto end = parser.parse_list(
      padded(R"({"kind":"PodList","metadata":{"resourceVersion":"77","continue":"more"},"items":[
        {"metadata":{"name":"a","resourceVersion":"1"}},{"metadata":{"resourceVersion":"2"}},7,{"metadata":{"name":"b","resourceVersion":"3"}},
        {"metadata":"x"},{"metadata":{"name":"c","resourceVersion":"4"}}]})"),
      [&](ObjectPtr object) { keys.emplace_back(object->key()); }, [&](std::string_view, const Error&) { ++skipped; });
  CHECK(keys == std::vector<std::string>{"a", "b", "c"});
  CHECK(skipped == 3);
  CHECK(end.resource_version == "77");
  CHECK(end.continue_token == "more");
}

TEST_CASE("a list without items is an empty one, a cut one is an error") {
  ObjectParser parser({});
  const auto none = [](ObjectPtr) { FAIL("an item"); };
  const auto skip = [](std::string_view, const Error&) {};
  CHECK(parser.parse_list(padded(R"({"metadata":{"resourceVersion":"7"},"items":null})"), none, skip).resource_version == "7");
  CHECK_THROWS_AS(parser.parse_list(padded(R"({"metadata":{"resourceVersion":"7"},"items":[)"), none, skip), Error);
}

TEST_CASE("a bookmark tells the place, and whether a streaming list ends with it") {
  ObjectParser parser({});
  const auto plain = parser.parse_bookmark(padded(R"({"kind":"Pod","metadata":{"resourceVersion":"12","creationTimestamp":null}})"));
  CHECK(plain.resource_version == "12");
  CHECK_FALSE(plain.initial_events_end);
  CHECK(parser.parse_bookmark(padded(R"({"metadata":{"resourceVersion":"12","annotations":{"k8s.io/initial-events-end":"true"}}})"))
            .initial_events_end);
}

TEST_CASE("versions are numbers or unknown") {
  CHECK(version_number("18446744073709551615") == UINT64_MAX);
  CHECK(version_number("abc") == 0);
  CHECK(version_number("12a") == 0);
  CHECK(version_number("") == 0);
}

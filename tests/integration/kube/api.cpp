#include "core/kube/api.hpp"

#include "cluster.hpp"
#include "core/kube/status.hpp"

using namespace operon;
using namespace operon::kube;
using namespace operon::kube::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

template <class Function>
Error failure(Function&& function) {
  try {
    function();
  } catch (const Error& e) {
    return e;
  }
  return Error(Code::ok, "it went well");
}

}  // namespace

TEST_CASE_METHOD(Namespace, "an object's life") {
  const Name a{name(), "a"};
  const auto made = api.create(config_maps, name(), config_map("a")).parse();
  CHECK(made["data"]["value"] == "x");
  const auto twice = failure([&] { api.create(config_maps, name(), config_map("a")); });
  CHECK(is_already_exists(twice));
  CHECK_THAT(twice.what(), Contains("create configmaps " + name() + "/a"));

  auto mine = api.get(config_maps, a), others = mine;
  others["data"]["value"] = "theirs";
  api.update(config_maps, a, others);
  mine["data"]["value"] = "mine";
  CHECK(is_conflict(failure([&] { api.update(config_maps, a, mine); })));
  CHECK(api.modify(config_maps, a, [](json& object) {
    object["data"]["value"] = object["data"]["value"].get<std::string>() + "+mine";
    return true;
  })["data"]["value"] == "theirs+mine");

  CHECK(api.patch(config_maps, a, PatchType::merge, {{"data", {{"more", "1"}}}}).parse()["data"]["more"] == "1");
  CHECK_FALSE(api.patch(config_maps, a, PatchType::json, json::array({{{"op", "remove"}, {"path", "/data/more"}}}))
                  .parse()["data"]
                  .contains("more"));
  CHECK(api.patch(config_maps, a, PatchType::strategic, {{"data", {{"s", "2"}}}}).parse()["data"]["s"] == "2");

  CHECK(is_conflict(failure([&] { api.remove(config_maps, a, {.uid = "another"}); })));
  CHECK(api.remove(config_maps, a, {.uid = made["metadata"]["uid"]}));
  CHECK_FALSE(api.remove(config_maps, a));
  CHECK(is_not_found(failure([&] { api.get(config_maps, a); })));
}

TEST_CASE_METHOD(Namespace, "applying twice is applying once, and another manager's field is a conflict unless forced") {
  const Name a{name(), "a"};
  const auto first = api.apply(config_maps, a, config_map("a"), {"one"}).parse();
  CHECK(api.apply(config_maps, a, config_map("a"), {"one"}).parse()["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]);
  CHECK(is_conflict(failure([&] { api.apply(config_maps, a, config_map("a", "y"), {"two"}); })));
  CHECK(api.apply(config_maps, a, config_map("a", "y"), {"two", true}).parse()["data"]["value"] == "y");
}

TEST_CASE_METHOD(Namespace, "lists come in pages, each object once") {
  for (int i = 0; i < 7; ++i) put("m" + std::to_string(i), "x", i % 2 ? "odd" : "even");
  std::vector<std::string> names;
  ListOptions options;
  options.name_space = name();
  options.limit = 2;
  options.field_selector = "metadata.name!=kube-root-ca.crt";
  const auto version = api.list(config_maps, options, [&](json&& item) { names.push_back(item["metadata"]["name"]); });
  CHECK(names == std::vector<std::string>{"m0", "m1", "m2", "m3", "m4", "m5", "m6"});
  CHECK_FALSE(version.empty());
  names.clear();
  options.label_selector = "chosen=odd";
  api.list(config_maps, options, [&](json&& item) { names.push_back(item["metadata"]["name"]); });
  CHECK(names == std::vector<std::string>{"m1", "m3", "m5"});
}

TEST_CASE_METHOD(Namespace, "what the server refuses comes with its words and the field") {
  auto bad = config_map("a");
  bad["metadata"]["labels"]["chosen"] = "not a label!";
  const auto error = failure([&] { api.create(config_maps, name(), bad); });
  CHECK(error.code() == Code::failed_precondition);
  CHECK(error.reason() == "Invalid");
  CHECK_THAT(error.field(), Contains("metadata.labels"));
  CHECK(failure([&] { api.get({"no.such", "v1", "things"}, {name(), "a"}); }).code() == Code::not_found);
}

/// tests/unit/control/fake_registry.hpp: a scenario registry in memory.
#pragma once

#include <nlohmann/json.hpp>

#include "operon/kinds/scenario_registry.hpp"
#include "tests/unit/targets/fake_instance.hpp"

namespace operon::test {

/// Holds dir://hello (with fields and a run part) and dir://bare; no others.
inline void make_registry(FakeInstance& instance, const std::string& title = "Hello") {
  namespace sr = kinds::scenario_registry;
  using nlohmann::json;
  instance.on(sr::id, sr::verb::list, [](const std::string&, const FakeInstance::Emit& emit) {
    emit(R"({"name":"hello","reference":"dir://hello","digest":"sha256:1","size":10,"lastModified":"2026-01-02T03:04:05Z"})");
    emit(R"({"name":"bare","reference":"dir://bare"})");
    return std::string("{}");
  });
  const auto wanted = [](const std::string& request) {
    const auto r = json::parse(request);
    const std::string name = r.value("name", ""), reference = r.value("reference", "");
    if (name == "hello" || reference == "dir://hello") return std::string("hello");
    if (name == "bare" || reference == "dir://bare") return std::string("bare");
    throw Error(Code::not_found, "no such scenario");
  };
  instance.on(sr::id, sr::verb::detail, [wanted, title](const std::string& request, const FakeInstance::Emit&) {
    if (wanted(request) == "bare")
      return std::string(R"({"summary":{"name":"bare","reference":"dir://bare"},"title":"Bare","description":"","fields":[]})");
    json scenario = json::parse(R"json({"summary":{"name":"hello","reference":"dir://hello","digest":"sha256:1","size":10,
      "lastModified":"2026-01-02T03:04:05Z"},"description":"Says hello","run":{"argv":["echo","$(GREETING)"]},"fields":[
      {"name":"greeting","type":"string","variable":"GREETING","default":"hello"},
      {"name":"count","type":"number","variable":"COUNT"},
      {"name":"key","type":"string","variable":"KEY","secret":true}]})json");
    scenario["title"] = title;
    return scenario.dump();
  });
  instance.on(sr::id, sr::verb::globals, [wanted](const std::string& request, const FakeInstance::Emit&) -> std::string {
    if (wanted(request) == "bare") throw Error(Code::not_found, "no globals");
    return R"({"summary":{"name":"hello","reference":"dir://hello"},"title":"Globals","description":"","fields":[
      {"name":"level","type":"enum","variable":"LEVEL","default":"low","allowed_values":"low,high"}]})";
  });
}

/// One that fails every question.
inline void make_dead_registry(FakeInstance& instance, Code code = Code::unavailable) {
  namespace sr = kinds::scenario_registry;
  for (const char* verb : {sr::verb::list, sr::verb::detail, sr::verb::globals})
    instance.on(sr::id, verb,
                [code](const std::string&, const FakeInstance::Emit&) -> std::string { throw Error(code, "the registry is away"); });
}

}  // namespace operon::test

#include "core/kube/answer.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "operon/error.hpp"

using nlohmann::json;
using operon::kube::Answer;

TEST_CASE("the answer to a write tells its version and is read without its managed fields") {
  const Answer answer(R"({"spec":{"resourceVersion":"7"},"metadata":{"managedFields":[{"time":"t"}],"name":"n","resourceVersion":"42"}})",
                      "patch runs n/a");
  CHECK(answer.version() == 42);
  CHECK(answer.parse() == json{{"spec", {{"resourceVersion", "7"}}}, {"metadata", {{"name", "n"}, {"resourceVersion", "42"}}}});
}

TEST_CASE("an answer without a version says so, and one that is no JSON is an error with what was asked") {
  for (const char* text : {"", "{", "[]", "7", R"({"metadata":{}})", R"({"metadata":{"resourceVersion":7}})",
                           R"({"metadata":{"resourceVersion":"v7"}})", R"({"metadata":[{"resourceVersion":"7"}]})"}) {
    INFO(text);
    CHECK(Answer(text, "").version() == 0);
  }
  try {
    Answer("<html>", "patch runs/status n/a").parse();
    FAIL("it was read");
  } catch (const operon::Error& e) {
    CHECK(e.code() == operon::Code::data_loss);
    CHECK(std::string(e.what()).rfind("patch runs/status n/a: the answer is no JSON: ", 0) == 0);
  }
}

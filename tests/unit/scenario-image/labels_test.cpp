#include "operon/scenario_image/labels.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "operon/error.hpp"

using namespace operon;
using namespace operon::scenario_image;

namespace {

const std::string fields_json =
    R"([{"name":"duration","type":"number","variable":"DURATION","description":"how long: it's \"seconds\" a.b=c [x]","default":"60"}])";

Labels of(std::initializer_list<std::string> commands) {
  Labels labels;
  for (const auto& command : commands) add_labels_of_command(command, labels);
  return labels;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

TEST_CASE("a hostile command takes no more time than its length says") {
  for (const std::string part : {"krknctl.a=[ ", "krknctl.a={ ", "krknctl.a=\"x ", "krknctl.a='", "a=[]x "}) {
    std::string command = "LABEL ";
    while (command.size() < 1u << 20) command += part;
    command += std::string(100'000, ']') + "x";
    const auto began = std::chrono::steady_clock::now();
    Labels labels;
    add_labels_of_command(command, labels);
    INFO(part);
    CHECK(std::chrono::steady_clock::now() - began <
          std::chrono::seconds(5));  // some milliseconds; a quarter of an hour when it is quadratic
  }
}

TEST_CASE("labels in layer commands, in every way that builders write them") {
  struct Row {
    const char* what;
    std::string command, name, value;
  };
  const Row rows[] = {
      {"BuildKit", "LABEL krknctl.title=CPU Hog", "krknctl.title", "CPU Hog"},
      {"BuildKit, quoted", R"(LABEL krknctl.title="CPU Hog")", "krknctl.title", "CPU Hog"},
      {"classic", R"(/bin/sh -c #(nop) LABEL krknctl.title="CPU Hog")", "krknctl.title", "CPU Hog"},
      {"classic with more room", R"(/bin/sh -c #(nop)  LABEL krknctl.title="CPU Hog" )", "krknctl.title", "CPU Hog"},
      {"single quotes", "LABEL krknctl.input_fields='" + fields_json + "'", "krknctl.input_fields", fields_json},
      {"bare JSON", "LABEL krknctl.input_fields=" + fields_json, "krknctl.input_fields", fields_json},
      {"escaped JSON", "LABEL krknctl.input_fields=\"" + escaped(fields_json) + "\"", "krknctl.input_fields", fields_json},
      {"an equals sign in the text", "LABEL krknctl.description=sets a=b and c = d", "krknctl.description", "sets a=b and c = d"},
      {"an empty value", R"(LABEL krknctl.description="")", "krknctl.description", ""},
      {"nothing after it", "LABEL krknctl.description=", "krknctl.description", ""},
      {"a quote that is not closed", "LABEL krknctl.title=\"CPU Hog", "krknctl.title", "\"CPU Hog"},
      {"brackets that are not closed", "LABEL krknctl.input_fields=[{", "krknctl.input_fields", "[{"},
  };
  for (const auto& row : rows) {
    INFO(row.what);
    CHECK(of({row.command}) == Labels{{row.name, row.value}});
  }
}

TEST_CASE("several labels in one command, and others between them") {
  const auto labels = of({R"(LABEL maintainer="a b" krknctl.title="CPU Hog" krknctl.description=hogs "the" CPU krknctl.input_fields=)" +
                          fields_json + " krknctl.is_a_scenario=true"});
  CHECK(labels == Labels{{"krknctl.title", "CPU Hog"},
                         {"krknctl.description", "hogs \"the\" CPU"},
                         {"krknctl.input_fields", fields_json},
                         {"krknctl.is_a_scenario", "true"}});
}

TEST_CASE("what is no LABEL sets nothing, and the first hit wins") {
  CHECK(of({"RUN echo LABEL krknctl.title=x", "/bin/sh -c echo LABEL krknctl.title=x", "LABELS krknctl.title=x", "LABEL", "",
            "LABEL other=x", "ENV krknctl.title=x", "LABEL krknctl.title x"})
            .empty());
  CHECK(of({"LABEL krknctl.title=base", "LABEL krknctl.title=leaf"}) == Labels{{"krknctl.title", "base"}});
}

TEST_CASE("a scenario, what it has from its base, and what is none") {
  Labels labels{{"krknctl.title", "CPU Hog"},
                {"krknctl.description", "hogs"},
                {"krknctl.input_fields", fields_json},
                {"krknctl.title.global", "Krkn Base"},
                {"krknctl.input_fields.global", R"([{"name":"tel","type":"Group","variable":null}])"},
                {"krknctl.has_rollback", "True"},
                {"krknctl.privileged", "certainly"}};
  const auto read = read_labels(labels);
  REQUIRE(read.texts);
  CHECK(read.texts->fields.at(0).default_value == "60");
  REQUIRE(read.globals);
  CHECK(read.globals->fields.at(0).type == fields::Type::group);
  CHECK(read.has_rollback);
  CHECK_FALSE(read.is_scenario);
  CHECK(read.listed());
  labels["krknctl.is_a_scenario"] = "0";
  CHECK_FALSE(read_labels(labels).listed());
  labels.erase("krknctl.title");
  CHECK_FALSE(read_labels(labels).texts);
  CHECK_FALSE(read_labels({}).globals);
}

TEST_CASE("labels that make no sense say which") {
  const auto refusal = [](const Labels& labels) -> std::string {
    try {
      read_labels(labels);
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  const auto fields = [](std::string text) { return Labels{{"krknctl.title", "t"}, {"krknctl.input_fields", std::move(text)}}; };
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "[";
  CHECK(refusal({{"krknctl.is_a_scenario", "yes"}}) == R"(label krknctl.is_a_scenario must be a boolean word such as "true" or "false")");
  CHECK(refusal(fields("<html>")) == "label krknctl.input_fields is not JSON");
  CHECK(refusal(fields(deep)) == "label krknctl.input_fields is nested deeper than 16");
  CHECK(refusal(fields("{}")) == "label krknctl.input_fields: fields must be an array, not object");
  CHECK(refusal(fields(R"([{"name":"a","type":"number"}])")) == "label krknctl.input_fields: field 'a': attribute 'variable' is missing");
  CHECK(refusal(fields(R"([{"name":"a","type":"string","variable":"A"},{"name":"a","type":"string","variable":"B"}])")) ==
        "label krknctl.input_fields: field 'a': attribute 'name' is used by an earlier field");
  CHECK(refusal(fields(std::string(10u << 20, 'x'))) == "label krknctl.input_fields is larger than 1024 KiB (label_bytes_max)");
  Labels labels;
  CHECK_THROWS_WITH(add_labels_of_command("LABEL krknctl.title=" + std::string(10u << 20, 'x'), labels),
                    "a layer's command is larger than 4 MiB (command_bytes_max)");
  CHECK_THROWS_WITH(add_labels_of_command("LABEL krknctl.title=" + std::string(2u << 20, 'x'), labels),
                    "label krknctl.title is larger than 1024 KiB (label_bytes_max)");
}

TEST_CASE("labels of the base that make no sense leave the scenario's own alone") {
  Labels labels{{"krknctl.title", "CPU Hog"},
                {"krknctl.input_fields", fields_json},
                {"krknctl.title.global", "Krkn Base"},
                {"krknctl.input_fields.global", "[{]"}};
  auto read = read_labels(labels);
  CHECK(read.listed());
  CHECK(read.texts->fields.size() == 1);
  CHECK_FALSE(read.globals);
  CHECK(read.globals_failure == "label krknctl.input_fields.global is not JSON");
  labels["krknctl.input_fields.global"] = R"([{"name":"a","type":"colour","variable":"A"}])";
  CHECK_THAT(read_labels(labels).globals_failure, Catch::Matchers::StartsWith("label krknctl.input_fields.global: field 'a': "));
  labels["krknctl.input_fields.global"] = "[]";
  labels["krknctl.title.global"] = std::string(label_bytes_max + 1, 'x');
  CHECK(read_labels(labels).globals_failure == "label krknctl.title.global is larger than 1024 KiB (label_bytes_max)");
  labels["krknctl.title.global"] = "Krkn Base";
  CHECK(read_labels(labels).globals_failure.empty());
}

TEST_CASE("a command of quotes and brackets that never end is read in one go") {
  for (const char* piece : {"krknctl.title=\"x ", "krknctl.title='x ", "krknctl.title=[x "}) {
    std::string command = "LABEL ";
    while (command.size() < 2'000'000) command += piece;
    Labels labels;
    const auto begin = std::chrono::steady_clock::now();
    add_labels_of_command(command, labels);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));  // minutes, if each one looked to the end
    CHECK(labels.size() == 1);
  }
  Labels labels;
  CHECK_THROWS_WITH(add_labels_of_command("LABEL " + std::string(command_bytes_max, 'x'), labels),
                    "a layer's command is larger than 4 MiB (command_bytes_max)");
}

#include <catch2/catch.hpp>

#include "core/config/options.hpp"
#include "helpers.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::config;
using namespace operon::config::test;

namespace {
std::string failure(std::vector<std::string> words) {
  try {
    arguments(std::move(words));
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
}  // namespace

TEST_CASE("tasks") {
  CHECK(arguments({}).task == CommandLine::Task::serve);
  CHECK(arguments({"-h", "--check-config"}).task == CommandLine::Task::help);
  CHECK(arguments({"--check-config", "-c", "x.yaml"}).config_file == "x.yaml");
  CHECK(arguments({"--print-config"}).task == CommandLine::Task::print_config);
  CHECK(arguments({"-V"}).task == CommandLine::Task::version);
}

TEST_CASE("every option of the table is a flag, a variable and a key") {
  for (const auto& option : options()) {
    INFO(option.key);
    Settings changed;
    const auto at = option.slot(changed);
    std::string value = "text";
    if (option.form == Form::address || option.form == Form::channel) value = "10.1.2.3:99";
    if (option.form == Form::path) value = "/p";
    if (option.is_boolean()) value = value_text(option, Settings{}) == "true" ? "false" : "true";
    if (std::holds_alternative<int64_t*>(at)) value = number_text(option.max, option.unit);
    for (const auto& choice : option.choices) {
      if (choice != value_text(option, Settings{})) value = choice;
    }
    CHECK(value_text(option, load_with({option.flag() + "=" + value}).settings) == value);
    CHECK(value_text(option, load_with({}, {{option.environment(), value}}).settings) == value);
    CHECK(value_text(option, load_with({"--set", option.key + "=" + value}).settings) == value);
    for (const auto& alias : option.flag_aliases) CHECK(value_text(option, load_with({alias, value}).settings) == value);
    for (const auto& alias : option.environment_aliases) CHECK(value_text(option, load_with({}, {{alias, value}}).settings) == value);
  }
}

TEST_CASE("lists are given with commas or again") {
  CHECK(load_with({"--listen", ":1,:2", "--listen", ":3", "--rest-allow-remote-without-auth"}).settings.listen ==
        std::vector<std::string>{":1", ":2", ":3"});
}

TEST_CASE("the last of a repeated flag counts, and a bare boolean is true") {
  CHECK(load_with({"--log-level=debug", "--log-level=warn"}).settings.log.level == "warn");
  CHECK(load_with({"--rest-interim-status"}).settings.rest.interim_status);
  CHECK_FALSE(load_with({"--rest-interim-status=false"}).settings.rest.interim_status);
}

TEST_CASE("unknown flags name their neighbours") {
  CHECK(failure({"--listn", "x"}) == "unknown flag --listn; did you mean --listen?");
  CHECK(failure({"--frobnicate"}) == "unknown flag --frobnicate; operond --help lists all flags");
  CHECK(failure({"serve"}) == "operond takes no argument \"serve\"; operond --help lists all flags");
}

TEST_CASE("--help lists every option and reads as it did") {
  const auto text = help_text();
  for (const auto& option : options()) {
    INFO(option.key);
    CHECK(text.find(option.flag() + " ") != std::string::npos);
    CHECK(text.find("key " + option.key + ";") != std::string::npos);
    CHECK(text.find("environment " + option.environment()) != std::string::npos);
    CHECK(help_markdown().find("`" + option.key + "`") != std::string::npos);
  }
  size_t begin = 0;
  while (begin < text.size()) {
    const auto end = text.find('\n', begin);
    CHECK(end - begin <= 120);
    begin = end + 1;
  }
  CHECK(text == golden("help.txt", text));
}

#include "core/log/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "core/base/ids.hpp"
#include "operon/error.hpp"

namespace operon::log {
namespace {

/// What is written to standard error meanwhile.
std::string captured(const std::function<void()>& action) {
  const std::string file = "/tmp/operon-log-test-" + base::random_hex(6);
  int saved = ::dup(STDERR_FILENO);
  int fd = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ::dup2(fd, STDERR_FILENO);
  action();
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  ::close(fd);
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  ::unlink(file.c_str());
  return text.str();
}

TEST_CASE("ids of the scope stand in every line of its thread, and nest") {
  start(Format::json, Level::info);
  auto text = captured([] {
    Scope request("req-1", "");
    info("outer");
    {
      Scope job("", "job-1");
      info("inner");
    }
    std::thread([] { info("elsewhere"); }).join();
    info("outer again");
  });
  std::istringstream lines(text);
  std::string line;
  std::vector<std::string> seen;
  while (std::getline(lines, line)) {
    auto object = nlohmann::json::parse(line);
    seen.push_back(object["message"].get<std::string>() + "/" + object.value("requestId", "-") + "/" + object.value("jobId", "-"));
  }
  CHECK(seen == std::vector<std::string>{"outer/req-1/-", "inner/req-1/job-1", "elsewhere/-/-", "outer again/req-1/-"});
}

TEST_CASE("levels below the chosen one are left out, and the level can change") {
  start(Format::text, Level::warn);
  CHECK(captured([] { info("hidden"); }).empty());
  CHECK_FALSE(enabled(Level::debug));
  set_level(Level::debug);
  CHECK(captured([] { debug("shown", {{"a", "1"}}); }).find("debug shown a=1\n") != std::string::npos);
}

TEST_CASE("without a terminal the automatic form is JSON") {
  auto text = captured([] {
    start(Format::automatic, Level::info);
    write_json(Level::info, "plugin line", R"({"file":"x.yaml"})");
  });
  CHECK(nlohmann::json::parse(text)["file"] == "x.yaml");
}

TEST_CASE("lines of many threads never mix") {
  start(Format::json, Level::info);
  auto text = captured([] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 200; ++i) info(std::string(300, 'x'), {{"n", std::to_string(i)}});
      });
    }
    for (auto& thread : threads) thread.join();
  });
  std::istringstream lines(text);
  std::string line;
  size_t count = 0;
  while (std::getline(lines, line)) {
    REQUIRE(nlohmann::json::accept(line));
    ++count;
  }
  CHECK(count == 1'600);
}

TEST_CASE("level words") {
  CHECK(level_from_string("warn") == Level::warn);
  CHECK_THROWS_WITH(level_from_string("loud"), "unknown log level 'loud': use trace, debug, info, warn or error");
}

}  // namespace
}  // namespace operon::log

#include "core/rest/audit.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "tests/unit/rest/bench.hpp"

using namespace operon;
using test::Bench;

namespace {

/// Standard error goes to a file while this lives.
class CapturedLog {
 public:
  explicit CapturedLog(const std::filesystem::path& file) : file_(file), saved_(dup(2)) {
    const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    fflush(stderr);
    dup2(fd, 2);
    close(fd);
  }
  ~CapturedLog() { restore(); }
  std::string text() {
    restore();
    std::stringstream all;
    all << std::ifstream(file_).rdbuf();
    return all.str();
  }

 private:
  void restore() {
    if (saved_ < 0) return;
    fflush(stderr);
    dup2(saved_, 2);
    close(saved_);
    saved_ = -1;
  }
  std::filesystem::path file_;
  int saved_;
};

size_t count(const std::string& text, const std::string& word) {
  size_t n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("audit: one line for each mutation, also for a refused one, with who and what, and no value of a user") {
  Bench t;
  CapturedLog log(t.folder.path() / "log");
  auto body = t.run_body(t.target());
  body["environment"] = {{"KEY", "sesame-sesame"}};
  const std::string id = t.ask("POST", "/scenarios/run", {.body = body.dump()}).json().at("jobId");
  body["environment"] = {{"COUNT", "many"}};
  t.ask("POST", "/scenarios/run", {.body = body.dump()});
  t.ask("GET", "/scenarios/run/" + id);
  t.ask("DELETE", "/scenarios/run/" + id);
  const std::string text = log.text();
  CHECK(count(text, "audit") == 4);  // the target request, two starts, one stop
  CHECK(count(text, "status=201") == 1);
  CHECK(count(text, "status=422") == 1);
  CHECK(count(text, "method=DELETE") == 1);
  CHECK(count(text, "user=ada") == 4);
  CHECK(count(text, "jobId=" + id) >= 2);
  CHECK(text.find("sesame-sesame") == std::string::npos);
}

TEST_CASE("audit: a caller who is refused leaves the same line, and a flood of them a bounded number") {
  Bench t;
  CapturedLog log(t.folder.path() / "log");
  http::Request request;
  request.method = http::Method::del;
  request.path = "/scenarios/run/x";
  request.caller.name = "ann";
  request.peer = "192.0.2.1";
  rest::audit_refused(request, 403, "user 'ann' may not delete runs");
  for (int i = 0; i < 1000; ++i) rest::audit_refused(request, 401, "no token");
  const std::string text = log.text();
  CHECK(count(text, "status=403") == 1);
  CHECK(count(text, "user=ann") >= 50);
  CHECK(count(text, "audit") <= 100);  // the second may change in between
  for (const char* word : {"peer=192.0.2.1", "method=DELETE", "path=/scenarios/run/x", "refused: user 'ann' may not delete runs"})
    CHECK(text.find(word) != std::string::npos);
}

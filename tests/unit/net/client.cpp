#include "core/net/client.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>

#include "web_server.hpp"

using namespace operon;
using namespace operon::net;
using namespace operon::net::test;
using Catch::Matchers::Contains;
using std::chrono::milliseconds;

namespace {

Request get(const std::string& url) {
  Request request;
  request.url = url;
  return request;
}

Error failure(Client& client, Request request) {
  try {
    client.fetch(std::move(request));
  } catch (const Error& e) {
    return e;
  }
  return Error(Code::ok, "it went well");
}

bool has_line(const std::string& request, const std::string& line) {
  return request.find("\r\n" + line + "\r\n") != std::string::npos;
}

}  // namespace

TEST_CASE("a request goes out as it was asked for, and any status is an answer") {
  WebServer server([](const std::string&) { return answer(404, "no", "X-Two: a\r\nx-two: b\r\n"); });
  Client client;
  auto request = get(server.url("/a?b=c"));
  request.method = "PUT";
  request.headers = {{"X-One", "1"}, {"X-Empty", ""}};
  request.body = std::string("a\0b", 3);
  const auto reply = client.fetch(request);
  CHECK(reply.status == 404);
  CHECK(reply.body == "no");
  CHECK(reply.url == server.url("/a?b=c"));
  CHECK(std::count(reply.headers.begin(), reply.headers.end(), std::pair<std::string, std::string>("x-two", "a")) == 1);
  CHECK(std::count(reply.headers.begin(), reply.headers.end(), std::pair<std::string, std::string>("x-two", "b")) == 1);
  const auto sent = server.requests().at(0);
  CHECK_THAT(sent, Catch::StartsWith("PUT /a?b=c HTTP/1.1\r\n"));
  CHECK(has_line(sent, "X-One: 1"));
  CHECK(has_line(sent, "X-Empty:"));
  CHECK(has_line(sent, "Content-Length: 3"));
  CHECK_THAT(sent, !Contains("Content-Type") && !Contains("Expect"));
  CHECK(sent.substr(sent.size() - 3) == std::string("a\0b", 3));
}

TEST_CASE("connections are kept and used again") {
  WebServer server([](const std::string&) { return answer(200, "ok"); });
  Client client;
  for (int i = 0; i < 5; ++i) CHECK(client.fetch(get(server.url())).body == "ok");
  CHECK(server.connections() == 1);
}

TEST_CASE("a redirect on the same host keeps the method of a GET and all headers") {
  WebServer server([](const std::string& request) {
    return request.starts_with("GET /old") ? answer(302, "", "Location: /new\r\n") : answer(200, "here");
  });
  Client client;
  auto request = get(server.url("/old"));
  request.headers = {{"Authorization", "Bearer x"}, {"X-Api-Key", "y"}};
  const auto reply = client.fetch(request);
  CHECK(reply.body == "here");
  CHECK(reply.url == server.url("/new"));
  CHECK(has_line(server.requests().at(1), "Authorization: Bearer x"));
  CHECK(has_line(server.requests().at(1), "X-Api-Key: y"));
}

TEST_CASE("a redirect to another origin carries no credential in whatever header, no cookie and no user") {
  WebServer other([](const std::string&) { return answer(200, "other"); });
  WebServer server([&](const std::string&) { return answer(302, "", "Location: " + other.url("/x") + "\r\nSet-Cookie: a=b\r\n"); });
  Client client;
  auto url = server.url();
  url.insert(7, "user:secret@");
  auto request = get(url);
  request.headers = {{"X-Api-Key", "y"}, {"Cookie", "c=d"}, {"Accept", "text/plain"}, {"PRIVATE-TOKEN", "z"}};
  CHECK(client.fetch(request).body == "other");
  CHECK_THAT(server.requests().at(0), Contains("Authorization: Basic") && Contains("X-Api-Key"));
  const auto sent = other.requests().at(0);
  CHECK(has_line(sent, "Accept: text/plain"));
  CHECK_THAT(sent, !Contains("Authorization") && !Contains("X-Api-Key") && !Contains("ookie") && !Contains("TOKEN"));
}

TEST_CASE("a body does not follow to another origin; a POST becomes a GET where the status says so") {
  WebServer other([](const std::string&) { return answer(200, "other"); });
  int status = 307;
  WebServer server([&](const std::string&) { return answer(status, "moved", "Location: " + other.url() + "\r\n"); });
  Client client;
  auto request = get(server.url());
  request.method = "POST";
  request.body = "password=x";
  CHECK(client.fetch(request).status == 307);
  CHECK(other.requests().empty());
  status = 303;
  CHECK(client.fetch(request).body == "other");
  CHECK_THAT(other.requests().at(0), Catch::StartsWith("GET / ") && !Contains("password"));
}

TEST_CASE("redirects end: too many, to another scheme, or not wanted") {
  std::string location = "/again";
  WebServer server([&](const std::string&) { return answer(302, "", "Location: " + location + "\r\n"); });
  Client client;
  CHECK_THAT(failure(client, get(server.url())).what(), Contains("more than 5 redirects"));
  CHECK(server.requests().size() == 6);
  location = "file:///etc/passwd";
  CHECK(client.fetch(get(server.url())).status == 302);
  auto request = get(server.url());
  request.follow_redirects = false;
  location = "/again";
  CHECK(client.fetch(request).status == 302);
}

TEST_CASE("packed answers are unpacked, and the limit counts what comes out") {
  // printf 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' | gzip -n
  const std::string packed("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x4b\x4c\xc4\x0f\x00\x77\x17\xb1\xca\x20\x00\x00\x00", 23);
  WebServer server([&](const std::string&) { return answer(200, packed, "Content-Encoding: gzip\r\n"); });
  Client client;
  const auto reply = client.fetch(get(server.url()));
  CHECK(reply.body == std::string(32, 'a'));
  for (const auto& header : reply.headers) CHECK(header.first != "content-encoding");
  auto request = get(server.url());
  request.response_bytes_max = 31;
  const auto error = failure(client, request);
  CHECK(error.code() == Code::resource_exhausted);
  CHECK(error.what() == "GET " + server.url() + ": the answer is larger than 31 B");
}

TEST_CASE("an answer that is announced too large is not waited for") {
  WebServer server([](const std::string&) { return "HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\nx"; });
  Client client;
  const auto error = failure(client, get(server.url()));
  CHECK(error.code() == Code::resource_exhausted);
  CHECK_THAT(error.what(), Contains("the answer is larger than 16"));
  auto head = get(server.url());
  head.method = "HEAD";
  CHECK(client.fetch(head).status == 200);
}

TEST_CASE("what comes with a redirect may be too large; where it leads is asked") {
  for (const bool announced : {true, false}) {
    INFO(announced);
    const std::string length = announced ? "Content-Length: 10737418240\r\n" : "";
    std::string location = "Location: /there\r\n";
    WebServer server([&](const std::string& request) {
      return request.find(" /there ") != std::string::npos
                 ? answer(200, "ok")
                 : "HTTP/1.1 302 X\r\n" + length + location + "\r\n" + (announced ? "x" : std::string(4096, 'x'));
    });
    Client client;
    auto request = get(server.url());
    request.response_bytes_max = 1024;
    CHECK(client.fetch(request).body == "ok");
    location = "Location: file:///etc/passwd\r\n";
    CHECK_THAT(failure(client, request).what(), Contains("the answer is larger than 1"));
    location = "Location: /\r\n";
    CHECK_THAT(failure(client, request).what(), Contains("more than 5 redirects"));
    request.follow_redirects = false;
    CHECK_THAT(failure(client, request).what(), Contains("the answer is larger than 1"));
  }
}

TEST_CASE("link-local addresses are not asked where that is not wanted, nor after a redirect") {
  WebServer server([](const std::string&) { return answer(302, "", "Location: http://169.254.169.254/latest\r\n"); });
  Client client;
  auto request = get(server.url());
  request.link_local = false;
  CHECK_THAT(failure(client, request).what(), Contains("leads to a link-local or cloud metadata address"));
  request.url = "http://[::ffff:169.254.169.254]/";
  CHECK_THAT(failure(client, request).what(), Contains("leads to a link-local or cloud metadata address"));
}

TEST_CASE("an endless header is cut") {
  WebServer server([](const std::string&) {
    std::string headers;
    for (int i = 0; i < 2000; ++i) headers += "X-" + std::to_string(i) + ": " + std::string(50, 'x') + "\r\n";
    return answer(200, "", headers);
  });
  Client client;
  CHECK(failure(client, get(server.url())).code() == Code::resource_exhausted);
}

TEST_CASE("a server that says nothing costs the deadline, and the message hides user and query") {
  WebServer server([](const std::string&) { return std::string(); });
  Client client;
  auto url = server.url("/p?token=hush");
  url.insert(7, "me:hush@");
  auto request = get(url);
  request.timeout = milliseconds(100);
  const auto error = failure(client, request);
  CHECK(error.code() == Code::deadline_exceeded);
  CHECK(error.what() == "GET " + server.url("/p") + ": no complete answer within 100 ms");
}

TEST_CASE("waiting for a free place counts against the deadline too") {
  WebServer server([](const std::string&) { return std::string(); });
  ClientLimits limits;
  limits.requests_max = 1;
  limits.requests_queued_max = 1;
  Client client(limits);
  std::mutex mutex;
  std::condition_variable ready;
  std::vector<Code> ends;
  const auto done = [&](Result result) {
    std::lock_guard lock(mutex);
    ends.push_back(std::get<Error>(result).code());
    ready.notify_all();
  };
  auto request = get(server.url());
  request.timeout = milliseconds(10000);
  const auto first = client.start(request, done);
  request.timeout = milliseconds(50);
  client.start(request, done);
  client.start(request, done);  // no place left
  std::unique_lock lock(mutex);
  CHECK(ends == std::vector<Code>{Code::resource_exhausted});
  REQUIRE(ready.wait_for(lock, std::chrono::seconds(5), [&] { return ends.size() == 2; }));
  CHECK(ends[1] == Code::deadline_exceeded);
  lock.unlock();
  client.cancel(first);
  lock.lock();
  REQUIRE(ready.wait_for(lock, std::chrono::seconds(5), [&] { return ends.size() == 3; }));
  CHECK(ends[2] == Code::cancelled);
}

TEST_CASE("nobody listening is UNAVAILABLE") {
  std::string url;
  {
    WebServer gone([](const std::string&) { return std::string(); });
    url = gone.url();
  }
  Client client;
  CHECK(failure(client, get(url)).code() == Code::unavailable);
}

TEST_CASE("what cannot be sent is refused before anything happens") {
  Client client;
  const auto refused = [&](Request request) {
    const auto error = failure(client, std::move(request));
    CHECK(error.code() == Code::invalid_argument);
    return std::string(error.what());
  };
  CHECK_THAT(refused(get("file:///etc/passwd")), Contains("http or https"));
  CHECK_THAT(refused(get("gopher://x/")), Contains("http or https"));
  CHECK_THAT(refused(get("/relative")), Contains("not an absolute URL"));
  CHECK_THAT(refused(get(std::string("http://a\0b/", 11))), Contains("not an absolute URL"));
  auto request = get("http://127.0.0.1:1/");
  request.method = "get";
  refused(request);
  request.method = "CONNECT";
  refused(request);
  request.method = "GET";
  request.headers = {{"X", "a\r\nY: b"}};
  CHECK_THAT(refused(request), Contains("line break"));
  request.headers = {{"X Y", "a"}};
  refused(request);
  request.headers = {{"Host", "other"}};
  CHECK_THAT(refused(request), Contains("set by the client itself"));
}

TEST_CASE("the end of the client answers what is in flight") {
  WebServer server([](const std::string&) { return std::string(); });
  std::optional<Code> code;
  {
    Client client;
    client.start(get(server.url()), [&](Result result) { code = std::get<Error>(result).code(); });
  }
  CHECK(code == Code::cancelled);
}

TEST_CASE("ends are observed by their kind") {
  WebServer server([](const std::string&) { return answer(503, ""); });
  std::mutex mutex;
  std::vector<std::string> seen;
  Client client({}, [&](const Observation& observation) {
    std::lock_guard lock(mutex);
    seen.emplace_back(observation.outcome);
  });
  client.fetch(get(server.url()));
  std::lock_guard lock(mutex);
  CHECK(seen == std::vector<std::string>{"5xx"});
}

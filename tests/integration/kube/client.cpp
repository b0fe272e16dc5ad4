#include "core/kube/client.hpp"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "cluster.hpp"
#include "core/kube/credentials.hpp"
#include "core/kube/status.hpp"

using namespace operon;
using namespace operon::kube;
using namespace operon::kube::test;
using Catch::Matchers::Contains;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

Request get(const std::string& path) {
  Request request;
  request.path = path;
  return request;
}

Error failure(const ClusterConfig& config, Request request) {
  Client client(config);
  try {
    const auto response = client.fetch(std::move(request));
    return Error(Code::ok, "answered " + std::to_string(response.status));
  } catch (const Error& e) {
    return e;
  }
}

void not_shown(const std::string& why) {
  WARN("not shown: " << why);
  SUCCEED();
}

}  // namespace

TEST_CASE("a token logs in") {
  Client client(cluster());
  const auto response = client.fetch(get("/version"));
  CHECK(response.status == 200);
  CHECK(json::parse(response.body).contains("gitVersion"));
}

TEST_CASE("a client certificate logs in") {
  if (!std::getenv("OPERON_OWN_CLUSTER")) return not_shown("only the cluster of tests/cluster has a second user");
  const auto config = cluster("certified");
  CHECK_THAT(config.method, Contains("client certificate"));
  Client client(config);
  CHECK(client.fetch(get("/api/v1/namespaces")).status == 200);
}

TEST_CASE("a wrong token is an answer, not an endless loop") {
  auto config = cluster();
  config.token = "wrong";
  Client client(config);
  CHECK(client.fetch(get("/api/v1/namespaces")).status == 401);
}

TEST_CASE("a token that has rotated is read again when the old one is refused, and the request goes through") {
  auto config = cluster();
  if (config.token.empty()) return not_shown("this cluster's way in is no token");
  const auto file = std::filesystem::temp_directory_path() / ("operon-token-" + std::to_string(getpid()));
  std::ofstream(file) << "from-yesterday";
  const auto good = std::exchange(config.token, "");
  config.token_file = file;
  Client client(config);
  CHECK(client.fetch(get("/version")).status == 401);
  std::ofstream(file) << good;
  CHECK(client.fetch(get("/version")).status == 200);
  std::filesystem::remove(file);
}

TEST_CASE("once another token is in the file, no request shows the one before") {
  auto config = cluster();
  if (config.token.empty()) return not_shown("this cluster's way in is no token");
  const auto file = std::filesystem::temp_directory_path() / ("operon-token-" + std::to_string(getpid()));
  std::ofstream(file) << std::exchange(config.token, "");
  config.token_file = file;
  Client client(config);
  const auto six_at_once = [&] {
    std::vector<std::future<int>> answers;
    for (int i = 0; i < 6; ++i) answers.push_back(std::async(std::launch::async, [&] { return client.fetch(get("/version")).status; }));
    std::multiset<int> all;
    for (auto& answer : answers) all.insert(answer.get());
    return all;
  };
  CHECK(six_at_once() == std::multiset<int>{200, 200, 200, 200, 200, 200});
  std::ofstream(file) << "another";
  CHECK(eventually([&] { return client.fetch(get("/version")).status == 401; }, std::chrono::seconds(20)));
  CHECK(six_at_once() == std::multiset<int>{401, 401, 401, 401, 401, 401});
  std::filesystem::remove(file);
}

TEST_CASE("a credential program whose answer the server refuses is asked again, at most every ten seconds, and the request goes through") {
  auto config = cluster();
  if (config.token.empty()) return not_shown("this cluster's way in is no token");
  const auto folder = std::filesystem::temp_directory_path() / ("operon-program-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  const auto token = folder / "token", asked = folder / "asked", program = folder / "give";
  std::ofstream(program) << "#!/bin/sh\necho >> \"$1/asked\"\nprintf '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":"
                            "\"ExecCredential\",\"status\":{\"token\":\"%s\"}}' \"$(cat \"$1/token\")\"\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  std::ofstream(token) << "from-yesterday";
  const auto good = std::exchange(config.token, "");
  config.exec =
      ExecPlugin{.command = program, .args = {folder}, .env = {}, .api_version = "client.authentication.k8s.io/v1", .install_hint = ""};
  Client client(config);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(client.fetch(get("/version")).status == 401);
  std::ofstream(token) << good;
  CHECK(client.fetch(get("/version")).status == 401);  // it was asked a moment ago
  CHECK(std::filesystem::file_size(asked) == 1);
  CHECK(eventually([&] { return client.fetch(get("/version")).status == 200; }, std::chrono::seconds(20)));
  CHECK(std::chrono::steady_clock::now() - begin >= milliseconds(Credentials::look_again_ms));
  CHECK(std::filesystem::file_size(asked) == 2);
  std::filesystem::remove_all(folder);
}

TEST_CASE("requests and watches share a connection") {
  const auto sockets = [] {
    size_t count = 0;
    for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      count += std::filesystem::read_symlink(fd.path(), gone).string().starts_with("socket:");
    }
    return count;
  };
  Client client(cluster());
  CHECK(client.fetch(get("/version")).status == 200);
  const auto before = sockets();
  std::atomic<int> told{0};
  for (int i = 0; i < 10; ++i) {
    auto watch = get("/api/v1/namespaces");
    watch.query = {{"watch", "true"}};
    client.stream(watch, {[&](const Response&) { ++told; }, [](std::string_view) { return true; }, [](std::optional<Error>) {}});
  }
  CHECK(eventually([&] { return told == 10; }));
  CHECK(client.fetch(get("/version")).status == 200);
  CHECK(sockets() == before);
}

TEST_CASE("the server is checked: its authority and its name") {
  auto config = cluster();
  const auto port = config.server.substr(config.server.rfind(':'));
  SECTION("another name of its own is accepted when it is the one to expect") {
    config.tls_server_name = "kubernetes.default.svc";
    Client client(config);
    CHECK(client.fetch(get("/version")).status == 200);
  }
  SECTION("a name it does not have is not") {
    config.tls_server_name = "elsewhere.example";
    const auto error = failure(config, get("/version"));
    CHECK(error.code() == Code::unavailable);
    CHECK(error.reason() == "NotSent");
  }
  SECTION("nor one that nobody vouches for") {
    config.ca_pem.clear();
    CHECK(failure(config, get("/version")).reason() == "NotSent");
  }
  SECTION("unless the administrator wants that") {
    config.ca_pem.clear();
    config.insecure = true;
    Client client(config);
    CHECK(client.fetch(get("/version")).status == 200);
  }
}

TEST_CASE("nothing listens: the request was never sent") {
  auto config = cluster();
  config.server = "https://127.0.0.1:1";
  CHECK(failure(config, get("/version")).reason() == "NotSent");
}

TEST_CASE("hundreds of requests at a time") {
  Client client(cluster());
  std::mutex mutex;
  std::condition_variable ready;
  int good = 0, ended = 0;
  for (int i = 0; i < 300; ++i) {
    client.request(get("/version"), [&](Result result) {
      std::lock_guard lock(mutex);
      ++ended;
      good += std::holds_alternative<Response>(result) && std::get<Response>(result).status == 200;
      ready.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  REQUIRE(ready.wait_for(lock, std::chrono::seconds(30), [&] { return ended == 300; }));
  CHECK(good == 300);
}

TEST_CASE("a stream tells on the client's thread, in order and all of it, whichever threads send requests meanwhile") {
  constexpr int writers = 8, writes = 100;
  Namespace ns;
  auto watch = get(config_maps.path(ns.name()));
  watch.query = {{"watch", "true"}};
  std::mutex mutex;
  std::set<std::thread::id> tellers;
  std::promise<std::optional<Error>> ended;
  std::string text;
  const auto id = ns.client.stream(watch, {nullptr,
                                           [&](std::string_view chunk) {
                                             std::lock_guard lock(mutex);
                                             tellers.insert(std::this_thread::get_id());
                                             text += chunk;
                                             return true;
                                           },
                                           [&](std::optional<Error> error) { ended.set_value(std::move(error)); }});
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 0; i < writes; ++i) ns.put("writer-" + std::to_string(writer), std::to_string(i));
    });
  }
  for (auto& thread : threads) thread.join();
  const auto lines = [&] {
    std::lock_guard lock(mutex);
    return std::count(text.begin(), text.end(), '\n');
  };
  CHECK(eventually([&] { return lines() >= writers * writes; }));
  ns.client.cancel(id);
  CHECK(ended.get_future().get()->code() == Code::cancelled);
  std::map<std::string, int> next;
  std::istringstream events(text);
  for (std::string line; std::getline(events, line);) {
    const auto object = json::parse(line)["object"];
    const auto name = object["metadata"]["name"].get<std::string>();
    if (name.rfind("writer-", 0) == 0) CHECK(object["data"]["value"] == std::to_string(next[name]++));
  }
  CHECK(next.size() == writers);
  for (const auto& [name, count] : next) CHECK(count == writes);
  CHECK(tellers.size() == 1);
  CHECK(tellers.count(std::this_thread::get_id()) == 0);
}

TEST_CASE("what is cancelled as soon as it has been asked for ends, whoever asks meanwhile") {
  constexpr int askers = 8, streams = 100;
  Client client(cluster());
  std::mutex mutex;
  std::condition_variable changed;
  int ended = 0;
  std::vector<std::thread> threads;
  for (int asker = 0; asker < askers; ++asker) {
    threads.emplace_back([&] {
      for (int i = 0; i < streams; ++i) {
        auto watch = get("/api/v1/namespaces");
        watch.query = {{"watch", "true"}};
        client.cancel(client.stream(std::move(watch), {nullptr, [](std::string_view) { return true; },
                                                       [&](std::optional<Error>) {
                                                         std::lock_guard lock(mutex);
                                                         ++ended;
                                                         changed.notify_one();
                                                       }}));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::unique_lock lock(mutex);
  CHECK(changed.wait_for(lock, std::chrono::seconds(30), [&] { return ended == askers * streams; }));
}

TEST_CASE("a client that ends answers everything that was open") {
  std::atomic<int> cancelled{0};
  {
    Client client(cluster());
    auto watch = get("/api/v1/namespaces");
    watch.query = {{"watch", "true"}};
    client.stream(watch, {nullptr, [](std::string_view) { return true; },
                          [&](std::optional<Error> e) { cancelled += e && e->code() == Code::cancelled; }});
    client.after(std::chrono::hours(1), [] {});
    CHECK(client.fetch(get("/version")).status == 200);
  }
  CHECK(cancelled == 1);
}

TEST_CASE("a reader that is full gets the same bytes again when it has room") {
  Namespace ns;
  for (int i = 0; i < 20; ++i) ns.put("big-" + std::to_string(i), std::string(100'000, 'x'));
  auto watch = get(config_maps.path(ns.name()));
  watch.query = {{"watch", "true"}, {"timeoutSeconds", "2"}};
  const bool own_connection = GENERATE(false, true);
  watch.own_connection = own_connection;
  std::mutex mutex;
  std::condition_variable changed;
  bool full = true, ended = false;
  int refused = 0;
  size_t bytes = 0, lines = 0;
  const auto id = ns.client.stream(watch, {nullptr,
                                           [&](std::string_view chunk) {
                                             std::lock_guard lock(mutex);
                                             full = !full;
                                             if (full) {
                                               ++refused;
                                               changed.notify_one();
                                               return false;
                                             }
                                             bytes += chunk.size();
                                             lines += static_cast<size_t>(std::count(chunk.begin(), chunk.end(), '\n'));
                                             return true;
                                           },
                                           [&](std::optional<Error> error) {
                                             std::lock_guard lock(mutex);
                                             CHECK_FALSE(error);
                                             ended = true;
                                             changed.notify_one();
                                           }});
  std::unique_lock lock(mutex);
  int resumed = 0;
  while (!ended) {
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return ended || refused > resumed; }));
    if (refused > resumed) {
      resumed = refused;
      ns.client.resume(id);
    }
  }
  CHECK(lines >= 20);
  CHECK(bytes > 2'000'000);
  CHECK(refused > 5);
}

TEST_CASE("deadlines end requests, cancelling does, and timers run in their order") {
  Client client(cluster());
  auto watch = get("/api/v1/namespaces");
  watch.query = {{"watch", "true"}};
  watch.timeout = milliseconds(200);
  try {
    client.fetch(watch);
    FAIL("a watch that ended");
  } catch (const Error& e) {
    CHECK(e.code() == Code::deadline_exceeded);
  }
  std::mutex mutex;
  std::condition_variable ready;
  std::string order;
  const auto add = [&](char c) {
    return [&, c] {
      std::lock_guard lock(mutex);
      order += c;
      ready.notify_one();
    };
  };
  client.after(milliseconds(60), add('c'));
  client.after(milliseconds(0), add('a'));
  const auto never = client.after(milliseconds(40), add('x'));
  client.after(milliseconds(20), add('b'));
  client.cancel(never);
  std::unique_lock lock(mutex);
  REQUIRE(ready.wait_for(lock, std::chrono::seconds(5), [&] { return order.size() >= 3; }));
  CHECK(order == "abc");
}

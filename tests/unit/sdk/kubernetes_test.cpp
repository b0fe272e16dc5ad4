/// The API server as a plugin sees it.
#include <future>

#include "subject.hpp"

using namespace operon;
using namespace operon::sdk;
using nlohmann::json;
using operon::testing::Chunk;

namespace {

struct Asker : Plugin {
  json get(Call& call) { return Kubernetes(host()).get(call, "/api/v1/namespaces/a/configmaps/b"); }
  json patch(Call& call) {
    const auto answer = Kubernetes(host()).request(call, {.path = "/p",
                                                          .method = "PATCH",
                                                          .query = {{"force", "true"}},
                                                          .body = {{"a", 1}},
                                                          .content_type = "application/merge-patch+json"});
    return {{"status", answer.status}, {"ok", answer.ok()}};
  }
  json list(Call&) {
    std::promise<std::pair<KubernetesAnswer, std::optional<Error>>> end;
    Kubernetes(host()).request_async({.path = "/l", .accept = "application/yaml"},
                                     [&](const KubernetesAnswer& answer, const std::optional<Error>& error) {
                                       end.set_value({answer, error});
                                     });
    const auto [answer, error] = end.get_future().get();
    if (error) return {{"error", error->what()}};
    return {{"status", answer.status}, {"body", answer.body}};
  }
  json alone(Call&) {
    return {{"body", Kubernetes(host()).request({.path = "/l"}).body}, {"namespace", Kubernetes(host()).info().name_space}};
  }
  json watch(Call&) {
    json seen = json::array();
    std::promise<std::optional<Error>> end;
    Kubernetes(host()).watch(
        "/api/v1/pods", {{"labelSelector", "x"}}, [&](const json& event) { seen.push_back(event["type"]); },
        [&](std::optional<Error> error) { end.set_value(std::move(error)); });
    const auto error = end.get_future().get();
    return {{"seen", seen}, {"error", error ? error->what() : ""}};
  }
  json log(Call&) {
    std::string text;
    std::promise<void> end;
    Kubernetes(host()).log(
        {.name_space = "a", .pod = "b", .follow = true, .tail_lines = 3}, [&](std::string_view bytes) { return text += bytes, true; },
        [&](std::optional<Error>) { end.set_value(); });
    end.get_future().wait();
    return {{"text", text}};
  }
  json exec(Call& call) {
    std::string out, err;
    const int code = Kubernetes(host()).exec(call, {.name_space = "a", .pod = "b", .command = {"ls", "-l"}, .input = "in"},
                                             [&](Stream stream, std::string_view bytes) { (stream == Stream::out ? out : err) += bytes; });
    return {{"code", code}, {"out", out}, {"err", err}};
  }
  json info(Call& call) { return {{"namespace", Kubernetes(host()).info(call).name_space}}; }
  static auto interfaces() {
    using A = Asker;
    return std::vector{Interface<A>{"test.asker/1",
                                    {verb<&A::get>("get"), verb<&A::patch>("patch"), verb<&A::list>("list"), verb<&A::alone>("alone"),
                                     verb<&A::watch>("watch"), verb<&A::log>("log"), verb<&A::exec>("exec"), verb<&A::info>("info")}}};
  }
};

struct Fixture : subject::Running<Asker> {
  json request;
  void answers(const std::string& verb, const json& answer, const std::vector<Chunk>& chunks) {
    services.serve(Kubernetes::id, verb, [this, answer, chunks](const json& asked, std::vector<Chunk>& out) {
      request = asked;
      out = chunks;
      return answer;
    });
  }
  testing::Result ask(const std::string& verb) { return call("test.asker/1", verb, json::object()); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "one object is read whole, whatever pieces it comes in") {
  answers("request", {{"status", 200}, {"bodyBytes", 7}}, {{Stream::out, R"({"a")"}, {Stream::out, ":1}"}});
  CHECK(ask("get").as<json>() == json{{"a", 1}});
  CHECK(request["path"] == "/api/v1/namespaces/a/configmaps/b");
  CHECK(request["method"] == "GET");
  CHECK_FALSE(request.contains("body"));
}

TEST_CASE_METHOD(Fixture, "the server's refusal is an error with its words") {
  auto [status, reason, code] = GENERATE(table<int, std::string, Code>({{404, "NotFound", Code::not_found},
                                                                        {403, "Forbidden", Code::permission_denied},
                                                                        {409, "AlreadyExists", Code::already_exists},
                                                                        {409, "Conflict", Code::aborted},
                                                                        {410, "Expired", Code::out_of_range},
                                                                        {422, "Invalid", Code::invalid_argument},
                                                                        {503, "", Code::unavailable}}));
  answers("request", {{"status", status}, {"bodyBytes", 1}},
          {{Stream::out, json{{"kind", "Status"}, {"message", "no, thanks"}, {"reason", reason}}.dump()}});
  const auto result = ask("get");
  REQUIRE(result.error);
  CHECK(result.error->code() == code);
  CHECK(result.error->reason() == reason);
  CHECK(std::string(result.error->what()) == "no, thanks");
  answers("request", {{"status", status}, {"bodyBytes", 1}}, {{Stream::out, "<html>"}});
  CHECK_THAT(ask("get").error->what(), Catch::Contains("the API server answered " + std::to_string(status)));
}

TEST_CASE_METHOD(Fixture, "a request carries all that was given, and any status is its answer") {
  answers("request", {{"status", 409}, {"bodyBytes", 0}}, {});
  CHECK(ask("patch").as<json>() == json{{"status", 409}, {"ok", false}});
  CHECK(request == json{{"method", "PATCH"},
                        {"path", "/p"},
                        {"query", {{"force", "true"}}},
                        {"body", {{"a", 1}}},
                        {"contentType", "application/merge-patch+json"},
                        {"timeoutMs", 30000}});
}

TEST_CASE_METHOD(Fixture, "a request that nobody waits for is answered once, and so is one outside of any call") {
  answers("request", {{"status", 429}, {"bodyBytes", 3}}, {{Stream::out, "a"}, {Stream::out, "bc"}});
  CHECK(ask("list").as<json>() == json{{"status", 429}, {"body", "abc"}});
  CHECK(request["accept"] == "application/yaml");
  answers("request", json::object(), {});
  CHECK_THAT(ask("list").as<json>()["error"].get<std::string>(), Catch::Contains("status"));
  answers("request", {{"status", 200}, {"bodyBytes", 1}}, {{Stream::out, "x"}});
  answers("info", {{"namespace", "home"}, {"server", "https://s"}}, {});
  CHECK(ask("alone").as<json>() == json{{"body", "x"}, {"namespace", "home"}});
}

TEST_CASE_METHOD(Fixture, "a watch gives whole events, wherever the pieces end") {
  answers("watch", json::object(), {{Stream::out, "{\"type\":\"ADDED\"}\n{\"ty"}, {Stream::out, "pe\":\"DELETED\"}\n"}});
  CHECK(ask("watch").as<json>() == json{{"seen", {"ADDED", "DELETED"}}, {"error", ""}});
  CHECK(request == json{{"path", "/api/v1/pods"}, {"query", {{"labelSelector", "x"}}}});
  answers("watch", json::object(), {{Stream::out, std::string(Kubernetes::event_bytes_max + 1, 'x')}, {Stream::out, "\n"}});
  CHECK_THAT(ask("watch").as<json>()["error"].get<std::string>(), Catch::Contains("longer than 4194304 bytes"));
}

TEST_CASE_METHOD(Fixture, "a log and a command's output are handed on") {
  answers("log", json::object(), {{Stream::out, "one\n"}, {Stream::out, "two"}});
  CHECK(ask("log").as<json>() == json{{"text", "one\ntwo"}});
  CHECK(request["tailLines"] == 3);
  CHECK(request["follow"] == true);
  CHECK_FALSE(request.contains("container"));
  answers("exec", {{"exitCode", 3}}, {{Stream::out, "o"}, {Stream::err, "e"}});
  CHECK(ask("exec").as<json>() == json{{"code", 3}, {"out", "o"}, {"err", "e"}});
  CHECK(request == json{{"namespace", "a"}, {"pod", "b"}, {"command", {"ls", "-l"}}, {"input", "in"}, {"timeoutMs", 60000}});
  answers("info", {{"namespace", "home"}, {"server", "https://s"}}, {});
  CHECK(ask("info").as<json>() == json{{"namespace", "home"}});
}

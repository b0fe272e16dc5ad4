#include "core/kube/kube_service.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "cluster.hpp"

using namespace operon;
using namespace operon::kube;
using namespace operon::kube::test;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

/// A plugin's question; takes every second chunk only when it is told that there is room.
class Question : public base::ServiceCall {
 public:
  Question(std::string verb, const json& request, bool slow = false) : verb_(std::move(verb)), request_(request.dump()), slow_(slow) {}

  std::string_view verb() const noexcept override { return verb_; }
  std::string_view request_json() const noexcept override { return request_; }
  std::string_view instance() const noexcept override { return "tester"; }
  int64_t deadline_unix_ms() const noexcept override { return 0; }
  bool cancelled() const noexcept override { return cancelled_; }
  void on_cancel(std::function<void()> function) override {
    std::lock_guard lock(mutex_);
    if (!code_) cancel_ = std::move(function);
  }
  bool chunk(uint32_t stream, std::string_view data) override {
    std::lock_guard lock(mutex_);
    full_ = slow_ && !full_;
    if (full_) {
      changed_.notify_all();
      return false;
    }
    (stream == 1 ? output_ : error_) += data;
    changed_.notify_all();
    return true;
  }
  void on_resume(std::function<void()> function) override {
    std::lock_guard lock(mutex_);
    if (!code_) resume_ = std::move(function);
  }
  void reply(std::string_view text) override { end(Code::ok, std::string(text)); }
  void fail(const Error& error) override { end(error.code(), error.what()); }

  bool wait(const std::function<bool(const Question&)>& until = [](const Question& q) { return q.code_.has_value(); }) {
    std::unique_lock lock(mutex_);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!until(*this)) {
      if (!changed_.wait_until(lock, end, [&] { return full_ || until(*this); })) return false;
      if (!full_ || !resume_) continue;
      auto resume = resume_;
      lock.unlock();
      resume();
      lock.lock();
    }
    return true;
  }
  void cancel() {
    cancelled_ = true;
    std::unique_lock lock(mutex_);
    auto function = cancel_;
    lock.unlock();
    if (function) function();
  }

  std::string output_, error_, text_;
  std::optional<Code> code_;

 private:
  void end(Code code, std::string text) {
    std::function<void()> resume, cancel;  // they hold this call: dropped, and not under the lock
    std::lock_guard lock(mutex_);
    resume.swap(resume_);
    cancel.swap(cancel_);
    CHECK_FALSE(code_);
    code_ = code;
    text_ = std::move(text);
    changed_.notify_all();
  }

  const std::string verb_, request_;
  const bool slow_;
  std::function<void()> resume_, cancel_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool full_ = false;
  std::atomic<bool> cancelled_{false};
};

struct Fixture {
  Namespace ns;
  std::shared_ptr<Client> client = std::make_shared<Client>(cluster());
  std::shared_ptr<base::Service> service = make_kube_service(client, [](std::string_view) {
    return std::vector<PermissionRule>{{{""}, {"configmaps"}, {"get", "list", "watch", "create"}, {}, {}},
                                       {{""}, {"pods/exec"}, {"create"}, {}, {}}};
  });
  std::string maps = config_maps.path(ns.name());

  std::shared_ptr<Question> ask(const std::string& verb, const json& request, bool slow = false) {
    auto question = std::make_shared<Question>(verb, request, slow);
    try {
      service->invoke(question);
    } catch (const Error& e) {
      question->fail(e);
    }
    return question;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a plugin's request goes out with the host's identity, and any status is its answer") {
  const auto made = ask("request", {{"method", "POST"}, {"path", maps}, {"body", ns.config_map("a", std::string(300'000, 'v'))}});
  REQUIRE(made->wait());
  CHECK(json::parse(made->text_)["status"] == 201);
  const auto read = ask("request", {{"path", maps + "/a"}}, true);
  REQUIRE(read->wait());
  CHECK(json::parse(read->output_)["metadata"]["name"] == "a");
  CHECK(json::parse(read->text_)["bodyBytes"] == read->output_.size());
  const auto names = ask("request", {{"path", maps}, {"accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}});
  REQUIRE(names->wait());
  CHECK(json::parse(names->output_)["kind"] == "PartialObjectMetadataList");
  CHECK(names->output_.find("vvv") == std::string::npos);
  const auto none = ask("request", {{"path", maps + "/none"}});
  REQUIRE(none->wait());
  CHECK(json::parse(none->text_)["status"] == 404);
}

TEST_CASE_METHOD(Fixture, "what its manifest does not name is refused before anything is sent") {
  for (const auto& [verb, request] : {std::pair<std::string, json>{"request", {{"method", "DELETE"}, {"path", maps + "/a"}}},
                                      {"request", {{"path", "/api/v1/namespaces/" + ns.name() + "/secrets"}}},
                                      {"log", {{"namespace", ns.name()}, {"pod", "a"}}},
                                      {"watch", {{"path", "/api/v1/pods"}}}}) {
    const auto question = ask(verb, request);
    REQUIRE(question->wait());
    CHECK(question->code_ == Code::permission_denied);
  }
  for (const auto& request :
       {json{{"path", maps}, {"accept", "a\r\nImpersonate-User: root"}}, json{{"path", maps}, {"contentType", "a\nb"}},
        json{{"path", maps}, {"query", {{"watch", "true"}}}}, json{{"path", "/version"}}, json{{"path", maps + "/../secrets"}}}) {
    const auto question = ask("request", request);
    REQUIRE(question->wait());
    CHECK(question->code_ == Code::invalid_argument);
  }
  CHECK(ask("strange", json::object())->code_ == Code::unimplemented);
}

TEST_CASE_METHOD(Fixture, "a watch of a plugin's that is slow gets everything, and ends when it is cancelled") {
  for (int i = 0; i < 10; ++i) ns.put("m" + std::to_string(i), std::string(20'000, 'x'));
  const auto question = ask("watch", {{"path", maps}}, true);
  REQUIRE(question->wait([](const Question& q) { return std::count(q.output_.begin(), q.output_.end(), '\n') >= 10; }));
  question->cancel();
  REQUIRE(question->wait());
  CHECK(question->code_ == Code::cancelled);
}

TEST_CASE_METHOD(Fixture, "an exec into a pod that is not there fails with the server's words") {
  const auto question = ask("exec", {{"namespace", ns.name()}, {"pod", "none"}, {"command", {"true"}}});
  REQUIRE(question->wait());
  CHECK(question->code_ == Code::not_found);
  const auto empty = ask("exec", {{"namespace", ns.name()}, {"pod", "none"}, {"command", json::array()}});
  CHECK(empty->code_ == Code::invalid_argument);
}

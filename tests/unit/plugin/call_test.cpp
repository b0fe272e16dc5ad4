/// Calls that go well, and answers that are none.
#include <future>

#include "tests/unit/plugin/fixture.hpp"

using namespace operon;
using namespace operon::plugin;
using namespace operon::plugin::test;
using namespace std::chrono_literals;

TEST_CASE("a call is answered on the caller's thread, on the executor's and from a thread of the plugin's") {
  Host host;
  host.load();
  CHECK(host.call("echo", R"({"a":1})") == R"({"a":1})");
  CHECK(host.call("no_reply").empty());
  CHECK(host.call("other_thread") == "\"elsewhere\"");
  CHECK(host.call("finish_early") == "\"early\"");
  std::string reply = "old";
  CHECK(host.one->call_no_block(host.verb("echo"), "[1]", reply) == Code::ok);
  CHECK(reply == "[1]");
  CHECK(host.one->call_no_block(host.verb("other_thread"), "{}", reply) == Code::ok);
  CHECK(reply == "\"elsewhere\"");
  CHECK(host.one->call_no_block(host.verb("fails"), "{}", reply) == Code::not_found);
  CHECK(reply.empty());
  CHECK(host.one->call_no_block(host.verb("no_reply"), "{}", reply) == Code::ok);
  CHECK(host.info().calls == 8);
  CHECK(host.info().failures == 1);
  CHECK(host.info().faults == 0);
}

TEST_CASE("what travels beside a request reaches the plugin") {
  Host host;
  host.load();
  auto blobs = std::make_shared<Blobs>();
  (*blobs)["file-1"] = std::make_shared<std::string>("0123456789");
  CallContext context{.timeout = 60s, .request_id = "r-1", .job_id = "j-2", .user = "anna", .blobs = blobs};
  auto meta = nlohmann::json::parse(host.call("metadata", "{}", context));
  CHECK(meta["requestId"] == "r-1");
  CHECK(meta["jobId"] == "j-2");
  CHECK(meta["user"] == "anna");
  CHECK(meta["none"] == 1);
  CHECK(meta["deadline"].get<int64_t>() > 1'600'000'000'000);
  CHECK(nlohmann::json::parse(
            host.call("metadata", "{}", {.timeout = -1ms, .request_id = {}, .job_id = {}, .user = {}, .blobs = {}}))["deadline"] == 0);
  CHECK(host.call("blob", "{}", context) == "\"0123456789\"");
  CHECK(host.error("blob").code() == Code::not_found);
}

TEST_CASE("a plugin's error arrives with its words and details") {
  Host host;
  host.load();
  Error e = host.error("fails");
  CHECK(e.code() == Code::not_found);
  CHECK(std::string(e.what()) == "no such thing");
  CHECK(e.reason() == "Gone");
  CHECK(e.field() == "id");
  CHECK(e.retry_after_ms() == 1500);
  CHECK(std::string(host.error("fails_silently").what()) ==
        "plugin instance 'one', test.misbehaving/1 fails_silently: ended with NOT_FOUND and did not say why");
}

TEST_CASE("nonsense is a typed error, and counted") {
  Host host("misbehaving", {.faults_max = 1000});
  host.load();
  auto [verb, why] = GENERATE(table<const char*, const char*>({
      {"nonsense", "the reply is not a JSON value"},
      {"null_reply", "the reply is not a JSON value"},
      {"big_reply", "the reply is longer than payload_bytes_max"},
      {"reply_twice", "reply() was called twice"},
      {"bad_status", "the verb returned a status that is none"},
      {"fail_nonsense", "fail() with a status, message or details that are none"},
      {"finish_and_return", "finish() of a call whose verb did not return OPERON_PENDING"},
      {"finish_twice", "finish() was called twice"},
      {"finish_nonsense", "finish() with a status that is none"},
      {"emit_unflagged", "emit() in a verb that is not flagged OPERON_VERB_STREAMS"},
      {"bad_item", "emit() of a chunk that is not what its kind says"},
  }));
  Error e = host.error(verb);
  CHECK(e.code() == Code::internal);
  CHECK(std::string(e.what()) == std::string("plugin instance 'one', test.misbehaving/1 ") + verb + ": " + why);
  CHECK(host.info().faults == 1);
  CHECK(host.info().failures == 1);
  CHECK(host.call("echo", "1") == "1");
}

TEST_CASE("what a verb throws does not get further than the host") {
  Host host("throwing", {.faults_max = 1000}, throwing_manifest());
  host.load();
  for (const char* verb : {"throw_int", "throw_int_here", "throw_exception"}) {
    Error e = host.error(verb);
    CHECK(e.code() == Code::internal);
    CHECK_THAT(e.what(), Catch::Contains("through the C interface") && !Catch::Contains("secret"));
  }
  std::string reply;
  CHECK(host.one->call_no_block(host.verb("throw_int_here"), "{}", reply) == Code::internal);
  CHECK(host.info().faults == 4);
}

TEST_CASE("two threads that answer and end one call at once are told apart") {
  Host host("misbehaving", {.faults_max = 1'000'000});
  host.load();
  uint64_t spoilt = 0;
  for (int i = 0; i < 300; ++i) {
    auto collector = std::make_shared<Collector>();
    host.one->start(host.verb("race"), "{}", {}, collector);
    Outcome outcome = collector->wait_end();
    if (outcome.code != Code::ok) {
      CHECK(outcome.code == Code::internal);
      ++spoilt;
    }
    CHECK_FALSE(collector->late);
    CHECK_FALSE(collector->overlapped);
  }
  CHECK(spoilt == 300);  // one of the two is always too many
  CHECK(host.info().faults >= 300);
}

TEST_CASE("a null reference, another instance's reference and a request that is too long are refused") {
  Host host;
  host.load();
  CHECK_THROWS_AS(host.one->call({}, "{}", {}), Error);
  VerbRef forged{host.verb("echo").verb, 3};
  CHECK_THROWS_AS(host.one->call(forged, "{}", {}), Error);
  CHECK_FALSE(host.one->find("test.misbehaving/1", "no such verb"));
  CHECK_FALSE(host.one->find("test.misbehaving/2", "echo"));
  try {
    host.one->call(host.verb("echo"), std::string(5u << 20, ' '), {});
    FAIL("answered");
  } catch (const Error& e) {
    CHECK(e.code() == Code::resource_exhausted);
    CHECK_THAT(e.what(), Catch::Contains("payload_bytes_max"));
  }
}

TEST_CASE("verbs of a younger ABI, longer than the host's, are read with their own stride") {
  Host host("misbehaving_long");
  host.load();
  CHECK(host.call("echo", "7") == "7");
  CHECK(host.call("metadata").find("requestId") != std::string::npos);
}

TEST_CASE("a serial instance runs one verb at a time, also those on the caller's thread") {
  Host host("misbehaving_serial");
  host.load();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      std::string reply;
      for (int n = 0; n < 20; ++n) {
        host.one->call(host.one->find("test.misbehaving/1", "overlap"), "{}", {});
        host.one->call_no_block(host.one->find("test.misbehaving/1", "echo"), "1", reply);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(host.call("most_inside") == R"({"status":1})");
}

namespace {

/// Asks the same instance again as soon as it has its answer.
class AskAgain final : public CallObserver {
 public:
  explicit AskAgain(std::shared_ptr<Instance> one) : one_(std::move(one)) {}
  bool on_chunk(uint32_t, std::string_view) noexcept override { return true; }
  void on_end(Outcome) noexcept override {
    std::string reply;
    second.set_value(one_->call_no_block(one_->find("test.misbehaving/1", "echo"), "1", reply));
  }
  std::promise<Code> second;

 private:
  std::shared_ptr<Instance> one_;
};

}  // namespace

TEST_CASE("an answer of a serial instance may lead to the next question on the spot") {
  Host host("misbehaving_serial");
  host.load();
  for (const char* verb : {"echo", "metadata"}) {
    auto observer = std::make_shared<AskAgain>(host.one);
    auto answered = observer->second.get_future();
    host.one->start(host.verb(verb), "{}", {}, observer);
    REQUIRE(answered.wait_for(10s) == std::future_status::ready);
    CHECK(answered.get() == Code::ok);
  }
}

TEST_CASE("a concurrent instance overlaps") {
  Host host;
  host.load();
  auto one = std::make_shared<Collector>(), two = std::make_shared<Collector>();
  host.one->start(host.verb("block"), "{}", {}, one);
  host.one->start(host.verb("block"), "{}", {}, two);
  CHECK(host.call("wait_inside", R"({"count":2})") == R"({"status":0})");
  host.call("release");
  CHECK(one->wait_end().reply == "\"released\"");
  CHECK(two->wait_end().reply == "\"released\"");
}

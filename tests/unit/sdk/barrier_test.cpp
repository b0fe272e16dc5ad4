/// What leaves a plugin's verb as an exception arrives as a failed call, whatever it is.
#include "subject.hpp"

using namespace operon;
using namespace operon::sdk;

namespace {

struct Thrower : Plugin {
  static inline bool refuse_to_be_made = false;
  Thrower() {
    if (refuse_to_be_made) throw Error(Code::unavailable, "no disk");
  }
  void configure(Call&, const nlohmann::json& c) override {
    if (c.contains("bad")) throw Error(Code::failed_precondition, "bad is bad").with_field("bad");
  }
  void number(Call&) { throw 42; }
  void standard(Call&) { throw std::out_of_range("seven"); }
  void typed(Call&) { throw Error(Code::unavailable, "away").with_reason("Flood").with_field("target.url").with_retry_after_ms(250); }
  void claims_ok(Call&) { throw Error(Code::ok, "odd"); }
  nlohmann::json strict(Call&, const nlohmann::json& request) { return request.at("needed"); }
  nlohmann::json bytes(Call&) { return {{"text", "a\xff"}}; }
  void later(AsyncCall<>, nlohmann::json) { throw 42; }
  void quiesce() override { throw 42; }
  static auto interfaces() {
    using T = Thrower;
    return std::vector{
        Interface<T>{"test.thrower/1",
                     {verb<&T::number>("number"), verb<&T::standard>("standard"), verb<&T::typed>("typed"),
                      verb<&T::claims_ok>("claims_ok"), verb<&T::strict>("strict"), verb<&T::bytes>("bytes"), verb<&T::later>("later")}}};
  }
};

}  // namespace

TEST_CASE("nothing thrown crosses the boundary") {
  subject::Running<Thrower> host;
  const auto failed = [&](const char* verb) {
    const auto result = host.call("test.thrower/1", verb);
    REQUIRE(result.error);
    return *result.error;
  };
  CHECK(failed("number").code() == Code::internal);
  CHECK(failed("number").what() == std::string("the plugin threw something that is not a std::exception"));
  CHECK(failed("later").what() == std::string("the plugin threw something that is not a std::exception"));
  CHECK(failed("standard").code() == Code::internal);
  CHECK(failed("standard").what() == std::string("the plugin threw an exception: seven"));
  CHECK(failed("claims_ok").code() == Code::internal);
  host.stop();
  CHECK(host.breaches().empty());
  CHECK(host.logs().back().message == "quiesce threw something that is not a std::exception");
}

TEST_CASE("an Error keeps its code, words and details") {
  subject::Running<Thrower> host;
  const auto error = *host.call("test.thrower/1", "typed").error;
  CHECK(error.code() == Code::unavailable);
  CHECK(error.what() == std::string("away"));
  CHECK(error.reason() == "Flood");
  CHECK(error.field() == "target.url");
  CHECK(error.retry_after_ms() == 250);
}

TEST_CASE("a request that is no JSON is the caller's fault, a plugin's own reading of it is the plugin's") {
  subject::Running<Thrower> host;
  CHECK(host.start_text("test.thrower/1", "strict", "{").wait().code == Code::invalid_argument);
  CHECK(host.call("test.thrower/1", "strict", {{"other", 1}}).code == Code::internal);
  CHECK(host.call("test.thrower/1", "strict", {{"needed", {{"a", 1}}}}).json()["a"] == 1);
}

TEST_CASE("an answer with bytes that are not UTF-8 still is JSON") {
  subject::Running<Thrower> host;
  CHECK(host.call("test.thrower/1", "bytes").json()["text"] == "a\xef\xbf\xbd");
  CHECK(host.breaches().empty());
}

TEST_CASE("a refused configuration says why") {
  subject::Running<Thrower> host;
  CHECK_NOTHROW(host.configure({{"good", 1}}));
  CHECK_THROWS_WITH(host.configure({{"bad", 1}}), "bad is bad");
}

TEST_CASE("a constructor that throws is a create() that fails, with a log line") {
  Thrower::refuse_to_be_made = true;
  CHECK_THROWS_WITH(subject::Running<Thrower>(), "create() failed with status 14: the plugin could not be made: no disk");
  Thrower::refuse_to_be_made = false;
}

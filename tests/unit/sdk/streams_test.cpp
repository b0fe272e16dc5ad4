/// The blocking Call: streams, cancellation, deadlines, blobs.
#include "subject.hpp"

using namespace operon;
using namespace operon::sdk;
using operon::testing::Options;

namespace {

struct Streamer : Plugin {
  void big(Call& call) { call.emit(Stream::out, std::string(200'000, 'x')); }
  void forever(Call& call) {
    for (int n = 0;; ++n) call.item(nlohmann::json{{"n", n}});
  }
  nlohmann::json nap(Call& call) { return {{"slept", call.sleep(std::chrono::hours(1))}, {"deadline", call.deadline().has_value()}}; }
  void strict_nap(Call& call) {
    call.sleep(std::chrono::hours(1));
    call.throw_if_cancelled();
  }
  nlohmann::json blob(Call& call, const nlohmann::json& request) {
    return {{"size", call.read_blob(request.at("blob").get<std::string>(), request.at("max").get<size_t>()).size()}};
  }
  nlohmann::json who(Call& call) { return {{"user", call.metadata("user")}, {"none", call.metadata("none")}}; }
  void told(Call& call) {
    sdk::detail::Signal signal;
    call.on_cancel([&] { signal.fire(); });
    CHECK_THROWS_AS(call.on_cancel([] {}), Error);
    signal.wait();
  }
  void steps(Call& call) {
    call.progress("half", 1, 2);
    call.progress("done");
  }
  static auto interfaces() {
    using S = Streamer;
    return std::vector{Interface<S>{
        "test.streamer/1",
        {verb<&S::big>("big", streams), verb<&S::forever>("forever", streams), verb<&S::nap>("nap"), verb<&S::strict_nap>("strict_nap"),
         verb<&S::blob>("blob"), verb<&S::who>("who"), verb<&S::told>("told"), verb<&S::steps>("steps", streams | mutates)}}};
  }
};

constexpr auto id = "test.streamer/1";

}  // namespace

TEST_CASE("bytes are cut into pieces that fit, items are not") {
  subject::Running<Streamer> host;
  const auto result = host.call(id, "big");
  CHECK(result.bytes().size() == 200'000);
  CHECK(result.chunks.size() == 4);
  for (const auto& chunk : result.chunks) CHECK(chunk.data.size() <= chunk_bytes_max);
}

TEST_CASE("emit waits while the host is full, and ends when nobody listens") {
  subject::Running<Streamer> host;
  auto call = host.start(id, "forever", {}, Options{.chunks_unread_max = 2});
  for (int n = 0; n < 50; ++n) CHECK(nlohmann::json::parse(call.take().value().data)["n"] == n);
  call.cancel();
  CHECK(call.wait().code == Code::cancelled);
  CHECK(call.wait().chunks.size() <= 53);
  CHECK(host.breaches().empty());
}

TEST_CASE("a sleeping verb wakes up on cancellation and at its deadline") {
  subject::Running<Streamer> host;
  auto nap = host.start(id, "nap");
  nap.cancel();
  CHECK(nap.wait().json() == nlohmann::json{{"slept", false}, {"deadline", false}});
  CHECK(host.call(id, "strict_nap", {}, Options{.timeout = std::chrono::milliseconds(5)}).code == Code::deadline_exceeded);
  auto cancelled = host.start(id, "strict_nap");
  cancelled.cancel();
  CHECK(cancelled.wait().code == Code::cancelled);
}

TEST_CASE("blobs are read to their end, under a limit") {
  subject::Running<Streamer> host;
  const Options with{.blobs = {{"b", std::string(150'000, 'b')}}};
  CHECK(host.call(id, "blob", {{"blob", "b"}, {"max", 150'000}}, with).json()["size"] == 150'000);
  CHECK(host.call(id, "blob", {{"blob", "b"}, {"max", 149'999}}, with).code == Code::resource_exhausted);
  CHECK(host.call(id, "blob", {{"blob", "c"}, {"max", 1}}, with).code == Code::not_found);
}

TEST_CASE("metadata, on_cancel and progress") {
  subject::Running<Streamer> host;
  CHECK(host.call(id, "who", {}, Options{.metadata = {{"user", "ada"}}}).json() == nlohmann::json{{"user", "ada"}, {"none", ""}});
  auto told = host.start(id, "told");
  told.cancel();
  CHECK(told.wait().ok());
  const auto progress = host.call(id, "steps").progress();
  CHECK(progress.at(0) == nlohmann::json{{"message", "half"}, {"done", 1.0}, {"total", 2.0}});
  CHECK(progress.at(1) == nlohmann::json{{"message", "done"}});
  CHECK(host.flags(id, "steps") == (OPERON_VERB_STREAMS | OPERON_VERB_MUTATES));
}

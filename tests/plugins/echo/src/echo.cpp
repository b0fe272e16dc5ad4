/// The plugin `echo`: interface `test.echo/1`, which no part of the host knows.
#include "operon/members.hpp"
#include "operon/sdk/plugin.hpp"

namespace {

using namespace operon::sdk;

struct SlowRequest {
  std::string text;
  int64_t sleep_ms = 0;
};
void from_json(const nlohmann::json& j, SlowRequest& v) {
  operon::members::require(j, "text", v.text);
  operon::members::read(j, "sleepMs", v.sleep_ms);
}

struct SlowAnswer {
  std::string text;
};
void to_json(nlohmann::json& j, const SlowAnswer& v) {
  j = {{"text", v.text}};
}

struct StreamRequest {
  uint32_t count = 3;
  uint32_t bytes = 0;  ///< 0: items that count; else chunks of that size
};
void from_json(const nlohmann::json& j, StreamRequest& v) {
  operon::members::read(j, "count", v.count);
  operon::members::read(j, "bytes", v.bytes);
}

class Echo : public Plugin {
 public:
  void configure(Call&, const nlohmann::json& configuration) override {
    const std::lock_guard lock(mutex_);
    prefix_.clear();
    operon::members::read(configuration, "prefix", prefix_);
  }

  /// The request itself: no parsing, no allocation.
  void echo(Call& call, std::string_view request) { call.reply_text(request); }

  SlowAnswer echo_slow(Call& call, const SlowRequest& request) {
    if (!call.sleep(std::chrono::milliseconds(request.sleep_ms))) call.throw_if_cancelled();
    const std::lock_guard lock(mutex_);
    return {prefix_ + request.text};
  }

  void stream(Call& call, const StreamRequest& request) {
    for (uint32_t i = 0; i < request.count; ++i) {
      if (request.bytes == 0) {
        call.item(nlohmann::json{{"n", i}});
      } else {
        call.emit(Stream::out, std::string(request.bytes, static_cast<char>('a' + i % 26)));
      }
    }
  }

  static auto interfaces() {
    return std::vector{Interface<Echo>{
        "test.echo/1", {verb<&Echo::echo>("echo", no_block), verb<&Echo::echo_slow>("echo_slow"), verb<&Echo::stream>("stream", streams)}}};
  }

 private:
  std::mutex mutex_;
  std::string prefix_;
};

}  // namespace

OPERON_PLUGIN(Echo, "echo", "1.0.0")

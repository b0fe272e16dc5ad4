#include "core/base/body_delivery.hpp"

#include <catch2/catch.hpp>

namespace operon::base {
namespace {

/// A plugin that takes `room` chunks, then none.
class Call final : public ServiceCall {
 public:
  std::string_view verb() const noexcept override { return "v"; }
  std::string_view request_json() const noexcept override { return "{}"; }
  std::string_view instance() const noexcept override { return "i"; }
  int64_t deadline_unix_ms() const noexcept override { return 0; }
  bool cancelled() const noexcept override { return is_cancelled; }
  void on_cancel(std::function<void()>) override {}
  bool chunk(uint32_t, std::string_view data) override {
    if (room == 0) return false;
    --room;
    taken += data;
    return true;
  }
  void on_resume(std::function<void()> task) override { resume = std::move(task); }
  void reply(std::string_view json) override { end(std::string(json)); }
  void fail(const Error& e) override { end(e.code() == Code::cancelled ? "cancelled" : e.what()); }

  /// There is room again.
  void take_more() {
    if (const auto task = resume) task();
  }

  unsigned room = 0;
  bool is_cancelled = false;
  std::string taken, ends;

 private:
  /// As the host does it: a call that has ended keeps nobody.
  void end(const std::string& how) {
    ends += how;
    resume = nullptr;
  }

  std::function<void()> resume;
};

const std::string body = std::string(BodyDelivery::chunk_bytes_max, 'a') + std::string(BodyDelivery::chunk_bytes_max, 'b') + "c";

}  // namespace

TEST_CASE("a body is handed over whole, as fast as it is taken, and then answered") {
  const auto call = std::make_shared<Call>();
  const auto delivery = std::make_shared<BodyDelivery>(call);
  delivery->go();  // there is nothing yet
  CHECK(call->ends.empty());
  call->room = 1;
  delivery->begin(body, "{}");
  CHECK(call->taken.size() == BodyDelivery::chunk_bytes_max);
  CHECK(call->ends.empty());
  call->room = 9;
  call->take_more();
  CHECK(call->taken == body);
  CHECK(call->ends == "{}");
  delivery->go();
  CHECK(call->ends == "{}");
}

TEST_CASE("whoever takes no more and goes away is let go") {
  const auto call = std::make_shared<Call>();
  const auto delivery = std::make_shared<BodyDelivery>(call);
  delivery->begin(body, "{}");
  call->is_cancelled = true;
  delivery->go();
  delivery->go();
  CHECK(call->ends == "cancelled");
}

TEST_CASE("an empty body is an answer at once") {
  const auto call = std::make_shared<Call>();
  std::make_shared<BodyDelivery>(call)->begin("", "{}");
  CHECK(call->taken.empty());
  CHECK(call->ends == "{}");
}

}  // namespace operon::base

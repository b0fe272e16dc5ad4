#include "core/kube/retry.hpp"

#include <optional>

#include "core/base/await.hpp"
#include "core/kube/status.hpp"

namespace operon::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::optional<int64_t> retry_after_of(const Result& result) {
  const auto* response = std::get_if<Response>(&result);
  return response && response->status / 100 != 2 ? error_of(*response, "").retry_after_ms() : std::nullopt;
}

bool maybe_done(const Result& result) {
  if (const auto* error = std::get_if<Error>(&result)) return error->reason() == "Lost";
  const int status = std::get<Response>(result).status;
  return status >= 500;
}

/// One request on its way through attempts. Keeps itself alive by its callbacks.
struct Sending : std::enable_shared_from_this<Sending> {
  Sending(Client& c, Request r, const RetryOptions& o, std::function<void(Outcome)> d)
      : client(c), request(std::move(r)), options(o), backoff(o.backoff, o.random), done(std::move(d)) {
    deadline = steady_clock::now() + (request.timeout.count() > 0 ? request.timeout : milliseconds(30'000));
  }

  void attempt() {
    ++outcome.attempts;
    Request one = request;
    one.timeout = std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()));
    client.request(std::move(one), [self = shared_from_this()](Result result) { self->ended(std::move(result)); });
  }

  void ended(Result result) {
    const auto wait = backoff.next(retry_after_of(result));
    const bool again =
        outcome.attempts < options.attempts_max && worth_retrying(result, options.repeat) && steady_clock::now() + wait < deadline;
    if (again) {
      outcome.maybe_done_before |= maybe_done(result);
      const auto id = client.after(wait, [self = shared_from_this()] {
        self->pending.reset();
        self->attempt();
      });
      if (id != 0) {
        // If the client ends while this waits, the timer is dropped with the last hold on us: what was there is the answer.
        pending = std::move(result);
        return;
      }
    }
    outcome.result = std::move(result);
    finish();
  }

  void finish() {
    auto tell = std::move(done);
    done = nullptr;
    if (tell) tell(std::move(outcome));
  }

  ~Sending() {
    if (!done) return;
    outcome.result = pending ? std::move(*pending) : Result(Error(Code::cancelled, "the Kubernetes client is stopping"));
    finish();
  }

  Client& client;
  const Request request;
  const RetryOptions options;
  Backoff backoff;
  std::function<void(Outcome)> done;
  steady_clock::time_point deadline;
  Outcome outcome{Error(Code::unknown, "not answered yet")};
  std::optional<Result> pending;
};

}  // namespace

void send(Client& client, Request request, const RetryOptions& options, std::function<void(Outcome)> done) {
  std::make_shared<Sending>(client, std::move(request), options, std::move(done))->attempt();
}

Outcome send(Client& client, Request request, const RetryOptions& options) {
  return base::await<Outcome>([&](auto done) { send(client, std::move(request), options, std::move(done)); });
}

}  // namespace operon::kube

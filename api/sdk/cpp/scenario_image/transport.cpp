#include "operon/scenario_image/transport.hpp"

#include <condition_variable>
#include <memory>
#include <optional>

namespace operon::scenario_image {

using operon::Code;
using operon::Error;
using operon::sdk::HttpAnswer;

namespace {

struct Waiting {
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;
  HttpAnswer answer;
  std::optional<Error> error;
};

}  // namespace

HttpAnswer Transport::send(operon::sdk::HttpRequest request, const Patience& patience) {
  patience.check();
  request.link_local = false;
  request.timeout = std::min(request.timeout, std::max(patience.left(), std::chrono::milliseconds(1)));
  auto waiting = std::make_shared<Waiting>();
  uint64_t key = 0;
  {
    std::lock_guard lock(mutex_);
    if (stopped_) throw Error(Code::cancelled, "the registry is being closed");
    key = ++last_;
  }
  auto operation = http_.request_async(request, [waiting](HttpAnswer answer, const std::optional<Error>& error) {
    std::lock_guard lock(waiting->mutex);
    waiting->answer = std::move(answer);
    waiting->error = error;
    waiting->done = true;
    waiting->ended.notify_all();
  });
  {
    std::lock_guard lock(mutex_);
    if (stopped_) operation.cancel();
    open_.emplace(key, operation);
  }
  std::unique_lock lock(waiting->mutex);
  const auto done = [&] { return waiting->done; };
  const bool in_time = patience.wait(waiting->ended, lock, request.timeout + std::chrono::seconds(1), done);
  if (!in_time) {
    lock.unlock();
    operation.cancel();
    lock.lock();
    waiting->ended.wait(lock, done);  // a cancelled question is answered at once
  }
  lock.unlock();
  {
    std::lock_guard open(mutex_);
    open_.erase(key);
  }
  if (!waiting->error) return std::move(waiting->answer);
  if (!in_time && waiting->error->code() == Code::cancelled) throw Error(Code::deadline_exceeded, "there was no answer in time");
  // Too much of an answer, or too many requests at once: neither is for whoever asked the host to put right.
  if (waiting->error->code() == Code::resource_exhausted) throw Error(Code::unavailable, waiting->error->what());
  if (waiting->error->code() == Code::unavailable) throw Error(Code::unavailable, waiting->error->what()).with_reason(no_answer);
  throw std::move(*waiting->error);
}

void Transport::stop() {
  std::map<uint64_t, operon::sdk::Operation> open;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    open = open_;
  }
  for (const auto& entry : open) entry.second.cancel();
}

}  // namespace operon::scenario_image

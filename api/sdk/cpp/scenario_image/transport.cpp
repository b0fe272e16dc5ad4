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
  if (!patience.wait(waiting->ended, lock, request.timeout + std::chrono::seconds(1), done)) {
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
  if (waiting->error) throw std::move(*waiting->error);
  return std::move(waiting->answer);
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

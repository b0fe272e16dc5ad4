#include "core/http/streams.hpp"

#include "core/http/stream_connection.hpp"

namespace operon::http {

Streams::Streams(std::string name, const ServerLimits& limits, const HttpMetrics& metrics)
    : name_(std::move(name)), limits_(limits), metrics_(metrics) {}

Streams::~Streams() {
  for (Loop* loop : loops()) loop->stop();
}

bool Streams::reserve() {
  unsigned now = count_.load();
  do {
    if (now >= limits_.streams_max) return false;
  } while (!count_.compare_exchange_weak(now, now + 1));
  metrics_.streams.add(1);
  return true;
}

void Streams::release() {
  --count_;
  metrics_.streams.add(-1);
}

void Streams::adopt(StreamStart start) {
  Loop* loop = nullptr;
  {
    std::lock_guard lock(mutex_);
    const size_t wanted = limits_.stream_threads == 0 ? 1 : limits_.stream_threads;
    if (loops_.size() < wanted) loops_.push_back(std::make_unique<Loop>(name_.substr(0, 9) + "-s" + std::to_string(loops_.size())));
    loop = loops_[next_++ % loops_.size()].get();
  }
  auto shared = std::make_shared<StreamStart>(std::move(start));  // std::function must be able to copy it
  loop->post([this, loop, shared] {
    auto stream = std::make_unique<StreamConnection>(*loop, *this, limits_, metrics_, std::move(*shared));
    StreamConnection& s = *stream;
    loop->add(std::move(stream));
    if (draining_) s.drain();
  });
}

std::vector<Loop*> Streams::loops() {
  std::lock_guard lock(mutex_);
  std::vector<Loop*> out;
  for (const auto& loop : loops_) out.push_back(loop.get());
  return out;
}

void Streams::drain() {
  draining_ = true;
  for (Loop* loop : loops()) {
    loop->post([loop] { loop->for_each([](LoopItem& item) { static_cast<StreamConnection&>(item).drain(); }); });
  }
}

void Streams::cut() {
  for (Loop* loop : loops()) {
    loop->post([loop] { loop->for_each([](LoopItem& item) { static_cast<StreamConnection&>(item).cut(); }); });
  }
}

}  // namespace operon::http

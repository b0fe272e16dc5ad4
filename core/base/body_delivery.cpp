#include "core/base/body_delivery.hpp"

#include "operon/call.h"

namespace operon::base {

void BodyDelivery::begin(std::string body, std::string answer_json) {
  {
    std::lock_guard lock(mutex_);
    body_ = std::move(body);
    answer_ = std::move(answer_json);
    begun_ = true;
  }
  call_->on_resume([self = shared_from_this()] { self->go(); });
  go();
}

/// One thread at a time is inside; a second one only leaves word that there is room again.
void BodyDelivery::go() {
  {
    std::lock_guard lock(mutex_);
    if (!begun_) return;
    again_ = true;
    if (busy_) return;
    busy_ = true;
  }
  while (true) {
    {
      std::lock_guard lock(mutex_);
      if (!again_ || done_) {
        busy_ = false;
        return;
      }
      again_ = false;
    }
    push();
  }
}

void BodyDelivery::push() {
  while (at_ < body_.size()) {
    if (call_->cancelled()) {
      done_ = true;
      return call_->fail(Error(Code::cancelled, "cancelled while the answer was handed over"));
    }
    const auto piece = std::string_view(body_).substr(at_, chunk_bytes_max);
    if (!call_->chunk(OPERON_STREAM_STDOUT, piece)) return;
    at_ += piece.size();
  }
  done_ = true;
  call_->reply(answer_);
}

}  // namespace operon::base

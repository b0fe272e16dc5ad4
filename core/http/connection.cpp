#include "core/http/connection.hpp"

#include <sys/epoll.h>

namespace operon::http {

namespace {

constexpr int steps_per_turn = 64;                 // of one connection, then others have theirs
constexpr size_t output_pending_max = 256u << 10;  // answers to pipelined requests that wait to go out together
constexpr auto linger_max = std::chrono::seconds(1);
constexpr size_t kept_buffer_bytes = 4096;

}  // namespace

Connection::Connection(Loop& loop, Core& core, base::Fd fd, Gate::Pass pass, std::string local_address)
    : loop_(loop),
      core_(core),
      transport_(std::move(fd), core.tls.get()),
      pass_(std::move(pass)),
      local_address_(std::move(local_address)),
      phase_(core.tls ? Phase::handshake : Phase::head) {}

Connection::~Connection() {
  release_exchange();
}

void Connection::on_added() {
  since_ = loop_.now();
  advance();
}

void Connection::on_ready(uint32_t events) {
  if (phase_ == Phase::gone) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) read_all_ = false;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) peer_ended_ = true;
  if (phase_ != Phase::working) advance();
}

void Connection::advance() {
  input_ = in_;
  input_borrowed_ = false;
  borrow_output();
  for (int steps = 0;; ++steps) {
    if (phase_ == Phase::gone || phase_ == Phase::working) break;
    if (blocked_ || (close_after_ && phase_ != Phase::closing) || out_.size() - out_at_ > output_pending_max) {
      if (!flush()) break;
      if (close_after_ && phase_ != Phase::closing) {
        begin_close();
        continue;
      }
    }
    if (steps == steps_per_turn) {
      loop_.again(*this);
      break;
    }
    const Step s = step();
    if (s == Step::stop) break;
    if (s == Step::wait) {
      // What is answered goes out before we wait for more; pipelined answers go together.
      if (!flush()) break;
      const Step filled = fill();
      if (filled != Step::go_on) break;
    }
  }
  if (phase_ == Phase::gone || phase_ == Phase::working) return;
  if (!flush() && phase_ == Phase::gone) return;
  stash_input();
  give_back_output();
  set_phase_deadline();
}

Connection::Step Connection::step() {
  switch (phase_) {
    case Phase::handshake: {
      const Transport::State s = transport_.handshake();
      if (s == Transport::State::again) return Step::stop;
      if (s == Transport::State::closed) {
        core_.metrics.refused("tls_handshake");
        gone();
        return Step::stop;
      }
      phase_ = Phase::head;
      since_ = loop_.now();
      return Step::go_on;
    }
    case Phase::head:
      return step_head();
    case Phase::body:
      return step_body();
    case Phase::discard:
      return step_discard();
    case Phase::closing:
      input_ = {};
      return Step::wait;
    default:
      return Step::stop;
  }
}

Connection::Step Connection::fill() {
  if (read_all_ && !peer_ended_) return Step::wait;
  const Transport::Result r = transport_.receive(loop_.scratch_in.data(), loop_.scratch_in.size());
  if (r.state == Transport::State::again) {
    read_all_ = true;
    return Step::wait;
  }
  if (r.state == Transport::State::closed) {
    gone();
    return Step::stop;
  }
  // A short read has emptied the socket; TLS keeps records of its own.
  read_all_ = !transport_.tls() && r.bytes < loop_.scratch_in.size();
  const std::string_view got(loop_.scratch_in.data(), r.bytes);
  if (input_.empty()) {
    in_.clear();
    input_ = got;
    input_borrowed_ = true;
  } else {
    // Not borrowed: a borrowed remainder is stashed before the scratch buffer is written again (see step_head).
    in_.erase(0, in_.size() - input_.size());
    in_.append(got);
    input_ = in_;
  }
  return Step::go_on;
}

void Connection::stash_input() {
  if (input_.empty()) {
    if (in_.capacity() > kept_buffer_bytes) {
      std::string().swap(in_);
    } else {
      in_.clear();
    }
  } else if (input_borrowed_) {
    in_.assign(input_);
  } else {
    in_.erase(0, in_.size() - input_.size());
  }
  input_ = in_;
  input_borrowed_ = false;
}

/// While it works a connection writes into the loop's buffer: idle ones own none.
void Connection::borrow_output() {
  if (out_.empty() && out_.capacity() < loop_.scratch_out.capacity()) out_.swap(loop_.scratch_out);
}

void Connection::give_back_output() {
  if (!out_.empty()) return;
  if (out_.capacity() > loop_.scratch_out.capacity() && out_.capacity() <= output_pending_max * 2) out_.swap(loop_.scratch_out);
  if (out_.capacity() > 64) std::string().swap(out_);
}

bool Connection::flush() {
  while (out_at_ < out_.size()) {
    const Transport::Result r = transport_.send(std::string_view(out_).substr(out_at_));
    if (r.state == Transport::State::closed) {
      gone();
      return false;
    }
    if (r.state == Transport::State::again) {
      if (!blocked_) {
        blocked_since_ = loop_.now();
        blocked_bytes_ = transport_.queued_bytes();
      }
      blocked_ = true;
      return false;
    }
    blocked_ = false;
    out_at_ += r.bytes;
  }
  blocked_ = false;
  out_.clear();
  out_at_ = 0;
  return true;
}

void Connection::begin_close() {
  // Closing over bytes that were not read resets the connection, and the peer may lose the answer.
  if (!linger_) return gone();
  transport_.shutdown_send();
  phase_ = Phase::closing;
  since_ = loop_.now();
}

void Connection::set_phase_deadline() {
  const ServerLimits& l = core_.limits;
  TimePoint when = TimePoint::max();
  if (phase_ == Phase::closing) {
    when = since_ + linger_max;
  } else if (out_at_ < out_.size()) {
    when = blocked_since_ + l.write_ms_max;
  } else if (phase_ == Phase::handshake || (phase_ == Phase::head && head_begun_)) {
    when = since_ + l.header_ms_max;
  } else if (phase_ == Phase::head) {
    when = since_ + l.idle_ms_max;
  } else if (phase_ == Phase::body || phase_ == Phase::discard) {
    when = since_ + l.body_ms_max;
  }
  loop_.set_deadline(*this, when);
}

void Connection::on_deadline() {
  if (phase_ == Phase::gone || phase_ == Phase::working) return;
  const bool writing = out_at_ < out_.size();
  if (const size_t queued = writing ? transport_.queued_bytes() : 0; writing && queued < blocked_bytes_) {
    blocked_bytes_ = queued;  // it reads, if slowly
    blocked_since_ = loop_.now();
    return set_phase_deadline();
  }
  if (writing) core_.limit_hit("write_ms_max");
  if (!writing && ((phase_ == Phase::head && head_begun_) || phase_ == Phase::body)) {
    core_.limit_hit(phase_ == Phase::body ? "body_ms_max" : "header_ms_max");
    input_ = in_;
    refuse(408, phase_ == Phase::body ? "the request body did not arrive in time (body_ms_max)"
                                      : "the request header did not arrive in time (header_ms_max)");
    in_.clear();
    return advance();
  }
  gone();
}

void Connection::close_if_idle() {
  if (phase_ == Phase::handshake || (phase_ == Phase::head && !head_begun_ && out_at_ == out_.size())) gone();
}

void Connection::cut() {
  if (phase_ == Phase::working) {
    transport_.shutdown_both();
  } else {
    gone();
  }
}

void Connection::gone() {
  if (phase_ == Phase::gone) return;
  phase_ = Phase::gone;
  loop_.remove(*this);
}

}  // namespace operon::http

#include "core/http/stream_connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>

#include "core/http/wire.hpp"
#include "core/log/log.hpp"

namespace operon::http {

namespace {

constexpr auto linger_max = std::chrono::seconds(1);
constexpr size_t ignored_bytes_max = 64u << 10;  // what a peer may send while it should listen
constexpr int reads_per_turn = 4;                // then other streams have theirs

}  // namespace

/// What a source calls when it has more. Outlives the stream: a source may keep it for as long as it likes.
struct StreamConnection::Waker : std::enable_shared_from_this<Waker> {
  std::mutex mutex;
  Loop* loop = nullptr;                // null once the stream has gone
  StreamConnection* stream = nullptr;  // for the loop's thread
  std::atomic<bool> signalled{false};

  void wake() {
    if (signalled.exchange(true)) return;
    std::lock_guard lock(mutex);
    if (!loop) return;
    loop->post([self = shared_from_this()] {
      self->signalled = false;
      if (self->stream) self->stream->pump();
    });
  }
  void detach() {
    std::lock_guard lock(mutex);
    loop = nullptr;
    stream = nullptr;
  }
};

StreamConnection::StreamConnection(Loop& loop, Streams& streams, const ServerLimits& limits, const HttpMetrics& metrics, StreamStart start)
    : loop_(loop),
      streams_(streams),
      limits_(limits),
      metrics_(metrics),
      transport_(std::move(start.transport)),
      pass_(std::move(start.pass)),
      out_(std::move(start.out)),
      early_(std::move(start.in)),
      source_(std::move(start.source)),
      waker_(std::make_shared<Waker>()),
      mode_(start.mode) {
  waker_->loop = &loop;
  waker_->stream = this;
  if (mode_ == StreamMode::websocket) {
    websocket_.reset(new WebSocketState{LineFramer(limits.stream_buffer_bytes_max), FrameReader(), false});
  }
  // A peer whose machine has vanished is found out by the kernel. Much more patient than we are, because it counts a peer that only does
  // not read, too.
  const int on = 1;
  const auto timeout = static_cast<unsigned>(std::max<int64_t>(60000, 4 * limits.write_ms_max.count()));
  const int idle_s = 60, interval_s = 20, probes = 3;
  ::setsockopt(fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  ::setsockopt(fd(), IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
  ::setsockopt(fd(), IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
  ::setsockopt(fd(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
  ::setsockopt(fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
  // The kernel would take megabytes for a peer that is asleep. What is not yet on its way stays with the source, where all followers share
  // it.
  const auto unsent = static_cast<unsigned>(limits.stream_buffer_bytes_max);
  ::setsockopt(fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

StreamConnection::~StreamConnection() {
  waker_->detach();
  source_.reset();
  streams_.release();
}

void StreamConnection::on_added() {
  next_ping_ = loop_.now() + limits_.ping_ms;
  if (!early_.empty()) {
    if (websocket_) receive_websocket(early_);
    std::string().swap(early_);
  }
  if (phase_ == Phase::gone) return;
  // What came with the handshake may have closed it: then there is no source, and what is left is to say so.
  if (source_) source_->set_waker([waker = waker_] { waker->wake(); });
  pump();
}

void StreamConnection::on_ready(uint32_t events) {
  if (phase_ == Phase::gone) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0 || transport_.tls()) receive();
  if (phase_ != Phase::gone) pump();
}

void StreamConnection::receive() {
  while (phase_ != Phase::gone) {
    const Transport::Result r = transport_.receive(loop_.scratch_in.data(), loop_.scratch_in.size());
    if (r.state == Transport::State::again) return;
    if (r.state == Transport::State::closed) return gone();
    const std::string_view data(loop_.scratch_in.data(), r.bytes);
    if (websocket_ && phase_ == Phase::running) {
      receive_websocket(data);
    } else if ((ignored_bytes_ += data.size()) > ignored_bytes_max) {
      return gone();
    }
  }
}

void StreamConnection::receive_websocket(std::string_view data) {
  // Answers to a peer that sends pings and reads nothing would pile up.
  const bool open = websocket_->frames.feed(data, out_) && out_.size() - out_at_ <= 4 * limits_.stream_buffer_bytes_max;
  if (!open) {
    websocket_->closed = true;
    source_.reset();
    waker_->detach();
    phase_ = Phase::ended;
  }
}

void StreamConnection::pump() {
  int turns = 0;
  while (phase_ == Phase::running || phase_ == Phase::ended) {
    if (!flush()) break;
    if (phase_ == Phase::ended) {
      begin_close();
      break;
    }
    if (turns++ == reads_per_turn) {
      loop_.again(*this);
      break;
    }
    read_source();
    if (out_.empty() && phase_ == Phase::running) break;  // nothing to say now; the waker will call
  }
  if (phase_ != Phase::gone) set_deadlines();
}

bool StreamConnection::flush() {
  while (out_at_ < out_.size()) {
    const Transport::Result r = transport_.send(std::string_view(out_).substr(out_at_));
    if (r.state == Transport::State::closed) {
      gone();
      return false;
    }
    if (r.state == Transport::State::again) {
      if (!stalled_) {
        stalled_ = true;
        stalled_since_ = loop_.now();
        stalled_bytes_ = transport_.queued_bytes();
      }
      return false;
    }
    out_at_ += r.bytes;
    stalled_ = false;
  }
  stalled_ = false;
  out_at_ = 0;
  std::string().swap(out_);
  return true;
}

void StreamConnection::read_source() {
  std::string& piece = loop_.scratch_out;
  piece.clear();
  StreamSource::Got got = StreamSource::Got::end;
  try {
    got = source_->read(piece, limits_.stream_buffer_bytes_max);
  } catch (const std::exception& e) {
    // The end must not look like a good one: no last chunk, no close frame.
    log::error("a stream's source threw; the connection is closed", {{"error", e.what()}});
    return gone();
  } catch (...) {
    log::error("a stream's source threw something that is no exception; the connection is closed");
    return gone();
  }
  frame(piece);
  if (piece.capacity() > (1u << 20)) std::string().swap(piece);
  if (got == StreamSource::Got::end) end_of_source();
}

void StreamConnection::frame(std::string_view data) {
  switch (mode_) {
    case StreamMode::chunked:
      append_chunk(out_, data);
      break;
    case StreamMode::until_close:
      out_.append(data);
      break;
    case StreamMode::websocket:
      websocket_->lines.feed(data, out_);
      break;
  }
}

void StreamConnection::end_of_source() {
  waker_->detach();
  source_.reset();
  phase_ = Phase::ended;
  if (mode_ == StreamMode::chunked) out_.append("0\r\n\r\n");
  if (websocket_) {
    websocket_->lines.finish(out_);
    if (!websocket_->closed)
      append_close(out_, dropped_ ? 1008 : draining_ ? 1001 : 1000, dropped_ ? "too slow" : draining_ ? "server is stopping" : "");
    websocket_->closed = true;
  }
}

/// Nothing more is sent. The peer's own end is waited for, shortly: closing over unread bytes would reset the connection and lose what it
/// has not read.
void StreamConnection::begin_close() {
  transport_.shutdown_send();
  phase_ = Phase::closing;
  ignored_bytes_ = 0;
  loop_.set_deadline(*this, loop_.now() + linger_max);
  receive();
}

void StreamConnection::drop_stalled() {
  metrics_.streams_dropped.add();
  log::info("a stream is dropped: its peer does not read",
            {{"peer", pass_.address()}, {"write_ms_max", std::to_string(limits_.write_ms_max.count())}});
  dropped_ = true;
  // What is pending stays, so that the framing is whole; should the peer wake up in time it reads the marker and a proper end.
  if (source_) frame(source_->dropped_marker());
  end_of_source();
  stalled_since_ = loop_.now();
  pump();
}

void StreamConnection::on_deadline() {
  if (phase_ == Phase::gone) return;
  const TimePoint now = loop_.now();
  if (phase_ == Phase::closing) return gone();
  if (stalled_ && now - stalled_since_ >= limits_.write_ms_max) {
    if (const size_t queued = transport_.queued_bytes(); queued < stalled_bytes_) {
      // It reads, if slowly: the kernel calls us only when a good part of its buffer is free.
      stalled_bytes_ = queued;
      stalled_since_ = now;
      return set_deadlines();
    }
    if (dropped_ || phase_ == Phase::ended) return gone();
    return drop_stalled();
  }
  if (websocket_ && phase_ == Phase::running && now >= next_ping_) {
    if (!stalled_) append_frame(out_, Opcode::ping, true, {});
    next_ping_ = now + limits_.ping_ms;
    return pump();
  }
  set_deadlines();
}

void StreamConnection::set_deadlines() {
  if (phase_ == Phase::closing) return;
  TimePoint when = TimePoint::max();
  if (stalled_) when = stalled_since_ + limits_.write_ms_max;
  // After the end there are no pings: a deadline that has passed and that nobody moves on would keep the loop at it for ever.
  if (websocket_ && phase_ == Phase::running) when = std::min(when, next_ping_);
  loop_.set_deadline(*this, when);
}

void StreamConnection::drain() {
  if (phase_ != Phase::running || draining_) return;
  draining_ = true;
  source_->drain();
  pump();
}

void StreamConnection::cut() {
  if (phase_ == Phase::gone) return;
  if (!stalled_ && websocket_ && !websocket_->closed) {
    append_close(out_, 1001, "server is stopping");
    flush();
  }
  gone();
}

void StreamConnection::gone() {
  if (phase_ == Phase::gone) return;
  phase_ = Phase::gone;
  waker_->detach();
  source_.reset();
  loop_.remove(*this);
}

}  // namespace operon::http

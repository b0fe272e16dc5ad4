/// core/http/connection_request.cpp: what a connection does with one request: head, body, handler, answer.
#include "core/http/connection.hpp"
#include "core/http/errors.hpp"
#include "core/http/websocket.hpp"

namespace operon::http {

namespace {

/// Reactors reuse the last exchange: its strings have grown to the size that requests have here.
thread_local std::unique_ptr<Exchange> spare_exchange;

std::unique_ptr<Exchange> new_exchange() {
  return spare_exchange ? std::move(spare_exchange) : std::make_unique<Exchange>();
}

}  // namespace

void Connection::release_exchange() {
  if (!exchange_) return;
  core_.bodies_bytes -= exchange_->body_bytes_counted;
  exchange_->reset();  // now, not when it is used again: a large body must not stay
  spare_exchange = std::move(exchange_);
}

Connection::Step Connection::step_head() {
  // RFC 9112 2.2: an empty line before the request line is read over.
  while (!head_begun_ && input_.starts_with("\r\n")) input_.remove_prefix(2);
  if (input_.empty() || (!head_begun_ && input_ == "\r")) {
    if (core_.draining) {
      close_after_ = true;
      return Step::go_on;
    }
    if (!input_.empty() && input_borrowed_) stash_input();
    return Step::wait;
  }
  if (!head_begun_) {
    head_begun_ = true;
    since_ = loop_.now();
    parser_.reset();
  }
  if (!exchange_) exchange_ = new_exchange();
  Refusal refusal;
  switch (parser_.parse(input_, core_.limits, exchange_->head, refusal)) {
    case HeadParser::Result::incomplete:
      release_exchange();
      if (input_borrowed_) stash_input();
      return Step::wait;
    case HeadParser::Result::refused:
      if (refusal.status == 414 || refusal.status == 431) {
        core_.limit_hit(refusal.status == 414 ? "uri_bytes_max" : "headers_max");
      } else {
        core_.metrics.refused("malformed");
      }
      return refuse(refusal.status, refusal.message);
    case HeadParser::Result::done:
      break;
  }
  return begin_request();
}

Connection::Step Connection::refuse(int status, const char* message) {
  if (!exchange_) exchange_ = new_exchange();
  Exchange& x = *exchange_;
  // The head may not have been understood: whatever it said about the connection does not count, and the rest of the bytes mean nothing.
  x.started = loop_.now();
  if (x.request.request_id.empty()) make_request_id(x.request.request_id);
  x.keep_alive = false;
  x.response = protocol_error(status, message);
  write_answer(core_, x, out_, BodyFraming::length);
  close_after_ = linger_ = true;
  release_exchange();
  return Step::go_on;
}

/// The head leaves the read buffer and goes on living in the exchange.
void Connection::keep_head() {
  Exchange& x = *exchange_;
  if (!x.head_bytes.empty()) return;
  x.head_bytes.assign(input_.substr(0, x.head.bytes()));
  x.head.rebase(x.head_bytes.data());
  input_.remove_prefix(x.head.bytes());
}

/// Nobody looks at the head any more.
void Connection::drop_head() {
  if (exchange_->head_bytes.empty()) input_.remove_prefix(exchange_->head.bytes());
}

Connection::Step Connection::begin_request() {
  Exchange& x = *exchange_;
  x.started = std::chrono::steady_clock::now();
  head_begun_ = false;
  ++requests_;
  const Admit admit_now = admit(core_, x, pass_.address(), local_address_);
  return admit_now == Admit::review ? hand_over_for_review() : admitted(admit_now == Admit::go_on);
}

/// Somebody else is asked about the caller; before the body is read, so that a stranger's is not kept.
Connection::Step Connection::hand_over_for_review() {
  keep_head();
  // What was answered before does not wait for it.
  if (!flush() && phase_ == Phase::gone) return Step::stop;
  stash_input();
  give_back_output();
  loop_.set_deadline(*this, TimePoint::max());
  phase_ = Phase::working;
  const auto ask = [this] {
    exchange_->reviewed = admit_after_review(core_, *exchange_);
    loop_.post([this] { reviewed(); });
  };
  if (core_.reviewers.submit(ask)) return Step::stop;
  phase_ = Phase::head;
  core_.metrics.shed.add();
  core_.limit_hit("reviews_queued_max");
  exchange_->response = protocol_error(503, "too many callers wait to be checked; try again (reviews_queued_max)");
  return admitted(false);
}

void Connection::reviewed() {
  phase_ = Phase::head;
  input_ = in_;
  if (admitted(exchange_->reviewed == Admit::go_on) == Step::stop) return;
  advance();
}

Connection::Step Connection::admitted(bool go_on) {
  Exchange& x = *exchange_;
  if (requests_ >= core_.limits.requests_per_connection_max || core_.draining) x.keep_alive = false;
  const bool has_body = x.head.chunked() || x.head.content_length() > 0;
  if (!go_on) {
    drop_head();
    if (has_body) {
      // A client that waits for 100 may send the body or not: only a new connection is certain.
      if (x.head.expects_continue() || x.head.content_length() > core_.limits.drain_bytes_max) {
        x.keep_alive = false;
        linger_ = true;
      }
      x.body = BodyReader(x.head, core_.limits.drain_bytes_max, false);
    }
    return answer();
  }
  if (!has_body) return dispatch();

  // The body goes on after the head has left the read buffer.
  keep_head();
  phase_ = Phase::body;
  since_ = loop_.now();
  if (x.head.expects_continue() && input_.empty()) out_.append("HTTP/1.1 100 Continue\r\n\r\n");
  return Step::go_on;
}

bool Connection::count_body_bytes() {
  Exchange& x = *exchange_;
  const size_t now = x.body.text().size();
  const size_t more = now - x.body_bytes_counted;
  x.body_bytes_counted = now;
  return core_.bodies_bytes.fetch_add(more) + more <= core_.limits.bodies_bytes_max;
}

Connection::Step Connection::step_body() {
  if (input_.empty()) return Step::wait;
  Refusal refusal;
  const BodyReader::Result r = exchange_->body.feed(input_, refusal);
  if (!count_body_bytes()) {
    core_.metrics.shed.add();
    core_.limit_hit("bodies_bytes_max");
    return refuse(503, "too much is being uploaded at present; try again (bodies_bytes_max)");
  }
  if (r == BodyReader::Result::more) return Step::wait;
  if (r == BodyReader::Result::refused) {
    if (refusal.status == 413) core_.limit_hit("body_bytes_max");
    return refuse(refusal.status, refusal.message);
  }
  return dispatch();
}

/// A body that nobody wants is read over when it is small; what follows it is the next request.
Connection::Step Connection::step_discard() {
  if (input_.empty() && !exchange_->body.done()) return Step::wait;
  Refusal refusal;
  switch (exchange_->body.feed(input_, refusal)) {
    case BodyReader::Result::more:
      return Step::wait;
    case BodyReader::Result::refused:
      close_after_ = linger_ = true;
      break;
    case BodyReader::Result::done:
      break;
  }
  release_exchange();
  phase_ = Phase::head;
  since_ = loop_.now();
  return Step::go_on;
}

Connection::Step Connection::dispatch() {
  Exchange& x = *exchange_;
  if (!x.route->no_block) return hand_over();
  run_handler(core_, x);
  drop_head();
  return answer();
}

Connection::Step Connection::hand_over() {
  Exchange& x = *exchange_;
  keep_head();
  // What was answered before must be out first: the worker writes its answer itself.
  if (!flush() && phase_ == Phase::gone) return Step::stop;
  x.may_send = out_.empty();
  // From here to worked() this object is the worker's, but for the flags that on_ready sets.
  stash_input();
  give_back_output();
  loop_.set_deadline(*this, TimePoint::max());
  phase_ = Phase::working;
  if (core_.workers.submit([this] { work(); })) return Step::stop;
  phase_ = Phase::head;
  core_.metrics.shed.add();
  core_.limit_hit("requests_queued_max");
  x.response = protocol_error(503, "all workers are busy and the queue is full; try again (requests_queued_max)");
  return answer();
}

void Connection::work() {
  Exchange& x = *exchange_;
  run_handler(core_, x);
  if (core_.draining) x.keep_alive = false;
  if (!x.response.stream) {
    write_answer(core_, x, x.wire, BodyFraming::length);
    // Straight from here: waking the loop first would add its latency to every answer. The loop leaves the transport alone meanwhile.
    while (x.may_send && !x.peer_closed && x.sent < x.wire.size()) {
      const Transport::Result r = transport_.send(std::string_view(x.wire).substr(x.sent));
      if (r.state == Transport::State::again) break;
      x.peer_closed = r.state == Transport::State::closed;
      x.sent += r.bytes;
    }
  }
  loop_.post([this] { worked(); });
}

void Connection::worked() {
  Exchange& x = *exchange_;
  phase_ = Phase::head;
  if (x.peer_closed) return gone();
  if (x.response.stream) {
    input_ = in_;
    if (start_stream() == Step::stop) return;
  } else {
    if (x.sent < x.wire.size()) out_.append(x.wire, x.sent);
    input_ = in_;
    after_answer();
  }
  advance();
}

Connection::Step Connection::answer() {
  Exchange& x = *exchange_;
  if (x.response.stream) return start_stream();
  write_answer(core_, x, out_, BodyFraming::length);
  return after_answer();
}

Connection::Step Connection::after_answer() {
  Exchange& x = *exchange_;
  since_ = loop_.now();
  if (!x.keep_alive) {
    close_after_ = true;
    linger_ |= !x.body.done() || !input_.empty();
    release_exchange();
    return Step::go_on;
  }
  if (!x.body.done()) {
    phase_ = Phase::discard;
    return Step::go_on;
  }
  phase_ = Phase::head;
  release_exchange();
  return Step::go_on;
}

Connection::Step Connection::start_stream() {
  Exchange& x = *exchange_;
  StreamStart start;
  start.source = std::move(x.response.stream);
  start.mode = x.http10 ? StreamMode::until_close : StreamMode::chunked;
  BodyFraming framing = x.http10 ? BodyFraming::until_close : BodyFraming::chunked;
  Response problem;
  std::string accept;
  if (x.response.websocket && x.wants_websocket) {
    const Refusal r = websocket_handshake(x.head, accept);
    if (r.status) problem = protocol_error(r.status, r.message);
    if (r.status == 426) problem.headers.insert(problem.headers.end(), {{"Sec-WebSocket-Version", "13"}, {"Upgrade", "websocket"}});
    start.mode = StreamMode::websocket;
    framing = BodyFraming::none;
    x.response.status = 101;
    x.response.headers.insert(x.response.headers.end(),
                              {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", accept}});
  }
  if (problem.body.empty() && !x.head_only && !core_.streams.reserve()) {
    core_.metrics.shed.add();
    core_.limit_hit("streams_max");
    problem = protocol_error(503, "as many streams as this server takes are open; try again (streams_max)");
  }
  if (!problem.body.empty() || x.head_only) {
    if (!problem.body.empty()) {
      x.response = std::move(problem);
      framing = BodyFraming::length;
    }
    write_answer(core_, x, out_, framing);
    return after_answer();
  }
  x.keep_alive = false;  // a stream is the last thing on its connection
  write_answer(core_, x, out_, framing);
  start.out = out_.substr(out_at_);
  start.in.assign(input_);
  phase_ = Phase::gone;
  loop_.remove(*this);
  start.transport = std::move(transport_);
  start.pass = std::move(pass_);
  core_.streams.adopt(std::move(start));
  return Step::stop;
}

}  // namespace operon::http

#include "core/http/exchange.hpp"

#include <array>
#include <atomic>
#include <random>

#include "core/base/text.hpp"
#include "core/http/core.hpp"
#include "core/http/errors.hpp"
#include "core/log/log.hpp"

namespace operon::http {

namespace {

bool good_request_id(std::string_view id) {
  if (id.empty() || id.size() > 64) return false;
  for (const char c : id) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!good) return false;
  }
  return true;
}

bool answer(Exchange& x, Response r) {
  x.response = std::move(r);
  return false;
}

bool refuse(Exchange& x, const Refusal& r) {
  return answer(x, protocol_error(r.status, r.message));
}

/// OPTIONS: what the path takes; for an allowed page of another origin also what its browser asks (CORS preflight).
bool answer_options(const Core& core, Exchange& x) {
  std::string allow = "GET, HEAD, POST, PUT, PATCH, DELETE";
  if (x.target.path != "*") {
    allow = core.router.match("", x.target.path).allow;
    if (allow.empty()) return answer(x, protocol_error(404, "no such path: " + base::printable(x.target.path)));
  }
  Response r;
  r.status = 204;
  r.headers.emplace_back("Allow", allow + ", OPTIONS");
  if (!x.allowed_origin.empty()) {
    r.headers.emplace_back("Access-Control-Allow-Methods", allow);
    r.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id");
    r.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  return answer(x, std::move(r));
}

/// The caller is not let in: said to whoever writes it down, too.
Admit refuse_caller(const Core& core, Exchange& x, Response r, std::string_view why) {
  x.request.method = x.route->method;
  x.request.path = x.target.path;
  const int status = r.status;
  answer(x, std::move(r));
  if (core.rules.on_refused) {
    const log::Scope scope(x.request.request_id, {});
    core.rules.on_refused(x.request, status, why);
  }
  return Admit::answered;
}

/// What was found out about the caller, as what happens to the request.
Admit take_in(const Core& core, Exchange& x, Admission admission) {
  std::string& why = admission.message;
  switch (admission.answer) {
    case Admission::Answer::allowed:
      x.request.caller = std::move(admission.caller);
      return Admit::go_on;
    case Admission::Answer::unknown: {
      if (why.empty()) why = "this route needs a valid bearer token: send Authorization: Bearer TOKEN";
      Response r = protocol_error(401, why);
      r.headers.emplace_back("WWW-Authenticate", "Bearer");
      return refuse_caller(core, x, std::move(r), "nobody has that token, or none was sent");
    }
    case Admission::Answer::forbidden:
      x.request.caller = std::move(admission.caller);
      return refuse_caller(core, x, protocol_error(403, why), why);
    case Admission::Answer::unavailable:
      break;
  }
  answer(x, protocol_error(503, why.empty() ? "callers cannot be checked at present" : why));
  return Admit::answered;
}

Admit authorize(const Core& core, Exchange& x) {
  if (!core.rules.callers) {
    x.request.caller.role = Role::admin;
    return Admit::go_on;
  }
  if (x.route->role == Role::anyone) return Admit::go_on;
  std::optional<Admission> known = core.rules.callers->known(x.head.authorization(), x.route->role);
  return known ? take_in(core, x, std::move(*known)) : Admit::review;
}

bool admit_body(const Core& core, Exchange& x) {
  const size_t max = x.route->ignores_body ? core.limits.body_bytes_max : std::min(x.route->body_bytes_max, core.limits.body_bytes_max);
  if (x.head.has_content_length() && x.head.content_length() > max) {
    core.limit_hit("body_bytes_max");
    return answer(x, protocol_error(413, "the request body is larger than this route takes (" + base::bytes_text(max) + ")"));
  }
  x.body = BodyReader(x.head, max, !x.route->ignores_body);
  return true;
}

}  // namespace

/// 15 characters of five bits: fits into a string without an allocation, and no two are likely to meet.
void make_request_id(std::string& out) {
  thread_local std::mt19937_64 engine = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  static constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<char, 15> text;
  uint64_t bits = engine();
  for (size_t i = 0; i < text.size(); ++i) {
    if (i == 12) bits = engine();
    text[i] = alphabet[bits & 31];
    bits >>= 5;
  }
  out.assign(text.data(), text.size());
}

void Exchange::reset() {
  head_bytes.clear();
  method.clear();
  route = nullptr;
  params.clear();
  request.params.clear();
  request.query.clear();
  request.body.clear();
  if (request.body.capacity() > 4096) std::string().swap(request.body);
  request.header = nullptr;
  request.caller.name.assign("anonymous");
  request.caller.role = Role::anyone;
  request.request_id.clear();
  body = BodyReader();
  body_bytes_counted = 0;
  keep_alive = true;
  http10 = head_only = wants_websocket = may_send = peer_closed = false;
  allowed_origin.clear();
  response = Response();
  wire.clear();
  if (wire.capacity() > 4096) std::string().swap(wire);
  sent = 0;
}

WireContext Exchange::wire_context(BodyFraming framing) const {
  return {framing, keep_alive, http10, head_only, request.request_id, allowed_origin};
}

static bool find_route(const Core& core, Exchange& x, std::string_view peer_address, std::string_view local_address) {
  x.method.assign(x.head.method());
  x.http10 = x.head.minor_version() == 0;
  x.head_only = x.head.is_head();
  x.keep_alive = x.head.keep_alive();
  x.wants_websocket = x.head.wants_websocket();
  x.request.peer.assign(peer_address);
  if (const std::string_view id = x.head.request_id(); good_request_id(id)) {
    x.request.request_id.assign(id);
  } else {
    make_request_id(x.request.request_id);
  }

  if (const Refusal r = parse_target(x.head.method(), x.head.target(), x.target); r.status) return refuse(x, r);
  AccessCheck::Verdict verdict = core.access->check(x.head, x.target.authority, local_address);
  if (!verdict.allowed) {
    core.metrics.refused("host_or_origin");
    return answer(x, protocol_error(403, verdict.message));
  }
  if (verdict.foreign_origin) x.allowed_origin.assign(x.head.origin());

  if (x.method == "OPTIONS") return answer_options(core, x);
  Router::Match match = core.router.match(x.head.method(), x.target.path);
  if (!match.route) {
    if (match.allow.empty()) return answer(x, protocol_error(404, "no such path: " + base::printable(x.target.path)));
    Response r = protocol_error(405, base::printable(x.method, 32) + " is not a method of this path; it takes " + match.allow);
    r.headers.emplace_back("Allow", match.allow);
    return answer(x, std::move(r));
  }
  x.route = match.route;
  x.params = std::move(match.params);
  return true;
}

Admit admit(const Core& core, Exchange& x, std::string_view peer_address, std::string_view local_address) {
  if (!find_route(core, x, peer_address, local_address)) return Admit::answered;
  Admit admitted = Admit::answered;
  try {
    admitted = authorize(core, x);
  } catch (const std::exception& e) {
    log::error("callers cannot be checked", {{"reason", e.what()}});
    return take_in(core, x, {Admission::Answer::unavailable});
  }
  return admitted == Admit::go_on && !admit_body(core, x) ? Admit::answered : admitted;
}

Admit admit_after_review(const Core& core, Exchange& x) noexcept {
  Admission admission{Admission::Answer::unavailable};
  try {
    admission = core.rules.callers->review(x.head.authorization(), x.route->role);
  } catch (const std::exception& e) {
    log::error("callers cannot be checked", {{"reason", e.what()}});
  }
  const Admit admitted = take_in(core, x, std::move(admission));
  return admitted == Admit::go_on && !admit_body(core, x) ? Admit::answered : admitted;
}

namespace {

void call_handler(Exchange& x) {
  try {
    x.response = x.route->handler(x.request);
  } catch (const Error& e) {
    x.response = to_response(e);
    if (x.response.status >= 500) log::warn("a request failed", {{"route", x.route->pattern}, {"error", e.what()}});
  } catch (const std::exception& e) {
    // What a library says may hold anything: it goes to the log (which is scrubbed), not to the caller.
    log::error("a handler threw", {{"route", x.route->pattern}, {"error", e.what()}});
    x.response = protocol_error(500, "internal error; the log has it under request id " + x.request.request_id);
  } catch (...) {
    log::error("a handler threw something that is no exception", {{"route", x.route->pattern}});
    x.response = protocol_error(500, "internal error; the log has it under request id " + x.request.request_id);
  }
  if (x.response.status < 200 || x.response.status > 599) {
    log::error("a handler gave a status that is none", {{"route", x.route->pattern}, {"status", std::to_string(x.response.status)}});
    x.response = protocol_error(500, "internal error; the log has it under request id " + x.request.request_id);
  }
}

}  // namespace

void run_handler(const Core&, Exchange& x) noexcept {
  Request& r = x.request;
  r.method = x.route->method;
  r.path.swap(x.target.path);
  for (auto& [name, value] : x.params) r.params.emplace(std::move(name), std::move(value));
  r.query.swap(x.target.query);
  r.body.swap(x.body.text());
  r.wants_websocket = x.wants_websocket;
  const RequestHead* head = &x.head;
  r.header = [head](std::string_view name) -> std::optional<std::string> {
    const std::string_view value = head->header(name);
    return value.data() ? std::optional<std::string>(value) : std::nullopt;
  };
  const log::Scope scope(r.request_id, {});
  call_handler(x);
}

void write_answer(const Core& core, Exchange& x, std::string& out, BodyFraming framing) {
  append_response(out, x.response, x.wire_context(framing));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - x.started).count();
  core.metrics.answered(x.route, x.method, x.response.status, seconds);
  if (log::enabled(log::Level::debug)) {
    const log::Scope scope(x.request.request_id, {});
    log::debug("request", {{"method", base::printable(x.method, 32)},
                           {"route", x.route ? std::string_view(x.route->pattern) : std::string_view("unmatched")},
                           {"status", std::to_string(x.response.status)},
                           {"seconds", std::to_string(seconds)},
                           {"peer", x.request.peer},
                           {"caller", x.request.caller.name}});
  }
}

}  // namespace operon::http

/// core/http/exchange.hpp: one request and its answer, from the head's last byte to the answer's first.
#pragma once

#include <chrono>
#include <string>

#include "core/http/body.hpp"
#include "core/http/head.hpp"
#include "core/http/message.hpp"
#include "core/http/router.hpp"
#include "core/http/target.hpp"
#include "core/http/wire.hpp"

namespace operon::http {

struct Core;

/// What the head of a request comes to.
enum class Admit {
  go_on,     ///< with the body, then `run_handler`
  answered,  ///< `response` is the answer
  review     ///< whether the caller may is to be asked on a thread that may wait: `admit_after_review`
};

/// Made on the reactor's thread, given to a worker and back; never used by two threads at one time. Reused, so that its strings keep their
/// room.
struct Exchange {
  RequestHead head;
  std::string head_bytes;  ///< when the head must outlive the read buffer
  Target target;
  std::string method;  ///< as sent, for metrics and log
  const Route* route = nullptr;
  std::vector<std::pair<std::string, std::string>> params;
  Request request;
  BodyReader body;
  size_t body_bytes_counted = 0;  ///< in Core::bodies_bytes
  std::chrono::steady_clock::time_point started;
  bool keep_alive = true, http10 = false, head_only = false, wants_websocket = false;
  std::string allowed_origin;
  Admit reviewed = Admit::answered;

  Response response;
  std::string wire;       ///< the answer's bytes, made by the worker
  size_t sent = 0;        ///< of them
  bool may_send = false;  ///< the worker may send `wire` itself
  bool peer_closed = false;

  void reset();
  WireContext wire_context(BodyFraming) const;
};

/// Unlikely to meet another, and short.
void make_request_id(std::string& out);

/// Decides everything that is known from the head alone: target, Host and Origin, route, method, role, size of the body.
Admit admit(const Core&, Exchange&, std::string_view peer_address, std::string_view local_address);
/// Never Admit::review. The head must outlive the read buffer.
Admit admit_after_review(const Core&, Exchange&) noexcept;

/// Fills `request` and runs the handler. Whatever it throws becomes `response`.
void run_handler(const Core&, Exchange&) noexcept;

/// Appends the answer to `out`; counts it and logs it.
void write_answer(const Core&, Exchange&, std::string& out, BodyFraming);

}  // namespace operon::http

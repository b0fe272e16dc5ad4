/// core/http/core.hpp: what all parts of one server share.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/http/access.hpp"
#include "core/http/gate.hpp"
#include "core/http/http_metrics.hpp"
#include "core/http/server.hpp"
#include "core/http/streams.hpp"
#include "core/http/transport.hpp"
#include "core/http/workers.hpp"

namespace operon::http {

struct Core {
  Core(std::string name, const Router&, ServerLimits, AccessRules, std::unique_ptr<TlsContext>);

  /// A limit did its work: counted, and said in the log at most once a second, since it may happen ten thousand times a second. Any thread.
  void limit_hit(std::string_view limit) const;

  const std::string name;
  const Router& router;
  const ServerLimits limits;
  const AccessRules rules;
  const std::unique_ptr<TlsContext> tls;
  HttpMetrics metrics;
  Gate gate;
  Streams streams;
  Workers workers;
  Workers reviewers;                    ///< their own: callers whom nobody can tell of must not keep known ones waiting
  std::unique_ptr<AccessCheck> access;  ///< made when the addresses are bound, before the first connection
  mutable std::atomic<size_t> bodies_bytes{0};
  std::atomic<bool> draining{false};
  mutable std::atomic<int64_t> limit_said_s{0};
};

}  // namespace operon::http

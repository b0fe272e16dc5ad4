#include "core/rest/audit.hpp"

#include <chrono>
#include <mutex>

#include "core/base/text.hpp"
#include "core/http/errors.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"
#include "operon/error.hpp"

namespace operon::rest {

namespace {

constexpr unsigned refusals_per_second_max = 50;  // anybody can send requests that are refused: they must not fill the disk

void count_mutation() {
  static const auto mutations =
      metrics::counter("operon_rest_mutations_total", "Requests that change something, as written to the audit log.");
  mutations.add();
}

/// Whether one more line may be written in this second.
bool line_is_free() {
  static std::mutex mutex;
  static std::chrono::steady_clock::time_point second;
  static unsigned written = 0;
  const auto now = std::chrono::steady_clock::now();
  std::lock_guard lock(mutex);
  if (now - second >= std::chrono::seconds(1)) {
    second = now;
    written = 0;
  }
  return written++ < refusals_per_second_max;
}

void write_line(const http::Request& request, const Audit& audit, int status, const std::string& outcome) {
  const log::Scope scope({}, audit.job);
  log::info("audit", {{"user", request.caller.name},
                      {"peer", request.peer},
                      {"method", http::to_string(request.method)},
                      {"path", base::printable(request.path)},
                      {"detail", audit.detail},
                      {"status", std::to_string(status)},
                      {"outcome", outcome}});
}

}  // namespace

http::Handler audited(AuditedHandler handler) {
  return [handler = std::move(handler)](const http::Request& request) {
    Audit audit;
    count_mutation();
    try {
      auto response = handler(request, audit);
      write_line(request, audit, response.status, response.status < 400 ? "done" : "refused");
      return response;
    } catch (const Error& e) {
      const int status = http::status_of(e.code());
      write_line(request, audit, status, status < 500 ? std::string("refused: ") + e.what() : std::string("failed: ") + e.what());
      throw;
    } catch (...) {
      write_line(request, audit, 500, "failed");
      throw;
    }
  };
}

void audit_refused(const http::Request& request, int status, std::string_view why) {
  static const auto unwritten =
      metrics::counter("operon_rest_refusals_unwritten_total", "Refused callers who are not in the audit log: too many at once.");
  if (!line_is_free()) return unwritten.add();
  write_line(request, {}, status, "refused: " + std::string(why));
}

}  // namespace operon::rest

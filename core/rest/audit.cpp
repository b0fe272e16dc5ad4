#include "core/rest/audit.hpp"

#include "core/base/text.hpp"
#include "core/http/errors.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"
#include "operon/error.hpp"

namespace operon::rest {

namespace {

void write_line(const http::Request& request, const Audit& audit, int status, const std::string& outcome) {
  static const auto mutations =
      metrics::counter("operon_rest_mutations_total", "Requests that change something, as written to the audit log.");
  mutations.add();
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

}  // namespace operon::rest

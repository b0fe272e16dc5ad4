#include "core/control/own_registry_calls.hpp"

#include <string>

#include "core/metrics/metrics.hpp"
#include "operon/error.hpp"

namespace operon::control {

namespace {

constexpr int64_t busy_retry_ms = 1'000;

const metrics::Counter& requests(bool busy) {
  static const auto of = [](const char* outcome) {
    return metrics::counter("operon_own_registry_requests_total", "Requests that name a registry of their own, by what became of them",
                            {{"outcome", outcome}});
  };
  static const metrics::Counter asked = of("asked"), refused = of("busy");
  return busy ? refused : asked;
}

}  // namespace

OwnRegistryCalls::Call::Call(OwnRegistryCalls& all) : all_(all) {
  const unsigned before = all_.calls_.fetch_add(1);
  if (before < all_.calls_max_) {
    requests(false).add();
    return;
  }
  all_.calls_.fetch_sub(1);
  requests(true).add();
  throw Error(Code::resource_exhausted, std::to_string(all_.calls_max_) +
                                            " requests wait for registries that they name themselves (registryUrl) already "
                                            "(own_registry_calls_max): try again later")
      .with_retry_after_ms(busy_retry_ms);
}

OwnRegistryCalls::Call::~Call() {
  all_.calls_.fetch_sub(1);
}

}  // namespace operon::control

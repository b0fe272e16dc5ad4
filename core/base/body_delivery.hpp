/// core/base/body_delivery.hpp: a whole body as the answer of a host service, handed over as fast as the plugin takes it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/service.hpp"

namespace operon::base {

/// Thread-safe. The call keeps it alive until it has ended.
class BodyDelivery : public std::enable_shared_from_this<BodyDelivery> {
 public:
  static constexpr size_t chunk_bytes_max = 64u << 10;

  explicit BodyDelivery(std::shared_ptr<ServiceCall> call) : call_(std::move(call)) {}

  /// Once: the body in chunks on the call's standard output, then `answer_json`.
  void begin(std::string body, std::string answer_json);
  /// There may be room again, or the call was cancelled: whoever learns of that says so. Harmless before begin(), and after the end.
  void go();

 private:
  void push();

  const std::shared_ptr<ServiceCall> call_;
  std::string body_, answer_;
  size_t at_ = 0;
  std::mutex mutex_;
  bool begun_ = false, busy_ = false, again_ = false;
  bool done_ = false;  // changed only by the thread that is inside
};

}  // namespace operon::base

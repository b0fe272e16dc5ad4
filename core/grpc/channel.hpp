/// core/grpc/channel.hpp: what liboperon-grpc.so gives the host. Private to core/grpc.
///
/// gRPC and protobuf are some forty libraries and 10 MB that a host without a data provider should not pay: they are behind a library that
/// is loaded when it is first needed. No exception and no type of theirs crosses it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "operon/status.h"

namespace operon::grpc_client {

/// How a call ended: gRPC's code and the server's words, or gRPC's own.
struct CallEnd {
  int code = OPERON_OK;
  std::string message;
};

/// One long-lived connection, made again by itself. Thread-safe; calls block.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual CallEnd get_nodes(std::string_view kubeconfig_base64, std::chrono::milliseconds timeout,
                            std::vector<std::string>& names) noexcept = 0;
  /// grpc.health.v1 of the data provider's service.
  virtual CallEnd check_health(std::chrono::milliseconds timeout, bool& serving) noexcept = 0;
  /// Ends every call that is going on: CANCELLED.
  virtual void cancel_all() noexcept = 0;
};

inline constexpr const char* open_channel_symbol = "operon_grpc_open_channel";
/// `address`: HOST:PORT or unix:PATH. nullptr: no memory.
using OpenChannel = Channel* (*)(const char* address);

}  // namespace operon::grpc_client

/// core/http/stream_connection.hpp: one stream on a stream loop.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/http/loop.hpp"
#include "core/http/streams.hpp"
#include "core/http/websocket.hpp"

namespace operon::http {

/// Pulls from the source only when the peer takes; keeps a buffer only while something is pending.
class StreamConnection : public LoopItem {
 public:
  StreamConnection(Loop&, Streams&, const ServerLimits&, const HttpMetrics&, StreamStart);
  ~StreamConnection() override;

  int fd() const noexcept override { return transport_.fd(); }
  void on_added() override;
  void on_ready(uint32_t events) override;
  void on_deadline() override;
  void on_again() override { pump(); }
  void drain();
  void cut();

 private:
  enum class Phase { running, ended, closing, gone };
  struct Waker;
  struct WebSocketState {
    LineFramer lines;
    FrameReader frames;
    bool closed = false;  // a close frame has been sent
  };

  void pump();
  bool flush();  // false: gone, or the peer takes nothing now
  void read_source();
  void frame(std::string_view data);
  void end_of_source();
  void receive();
  void receive_websocket(std::string_view data);
  void drop_stalled();
  void begin_close();
  void gone();
  void set_deadlines();

  Loop& loop_;
  Streams& streams_;
  const ServerLimits& limits_;
  const HttpMetrics& metrics_;
  Transport transport_;
  Gate::Pass pass_;
  std::string out_;
  size_t out_at_ = 0;
  std::string early_;
  std::shared_ptr<StreamSource> source_;
  std::shared_ptr<Waker> waker_;
  std::unique_ptr<WebSocketState> websocket_;
  TimePoint stalled_since_{}, next_ping_{};
  size_t ignored_bytes_ = 0, stalled_bytes_ = 0;
  StreamMode mode_;
  Phase phase_ = Phase::running;
  bool draining_ = false, dropped_ = false, stalled_ = false;
};

}  // namespace operon::http

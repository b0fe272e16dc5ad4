/// core/rest/log_stream.hpp: a log reader as a response body.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "core/http/message.hpp"
#include "core/jobs/log_hub.hpp"
#include "core/rest/signal.hpp"

namespace operon::rest {

/// The log's bytes as they are. What the host itself has to say is a line of its own that begins with "ERROR: ".
class LogStream final : public http::StreamSource {
 public:
  /// `open` is given the waker and answers the reader.
  explicit LogStream(const std::function<std::unique_ptr<jobs::LogReader>(std::function<void()> waker)>& open);

  Got read(std::string& into, size_t max) override;
  void set_waker(std::function<void()>) override;
  void drain() override;
  std::string dropped_marker() const override;

 private:
  std::string own_line(const std::string& text) const;

  std::shared_ptr<Signal> signal_ = std::make_shared<Signal>();
  std::unique_ptr<jobs::LogReader> reader_;
  std::atomic<bool> draining_{false};
  bool ended_ = false;
  bool at_line_start_ = true;
  size_t after_drain_bytes_ = 0;
};

/// A body that is there already, as a stream: an error told over a WebSocket.
class TextStream final : public http::StreamSource {
 public:
  explicit TextStream(std::string text) : text_(std::move(text)) {}
  Got read(std::string& into, size_t) override {
    into += text_;
    text_.clear();
    return Got::end;
  }
  void set_waker(std::function<void()>) override {}

 private:
  std::string text_;
};

}  // namespace operon::rest

/// operon/sdk/memory_log.hpp: a run's output in memory, and everybody who follows it; answers `logs` without a thread.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "operon/kinds/job_runner_json.hpp"
#include "operon/sdk/async_call.hpp"

namespace operon::sdk {

/// Thread-safe; keep it in a shared_ptr. Holds the last `log_bytes_max` bytes: a follower is told of what it missed.
class MemoryLog : public std::enable_shared_from_this<MemoryLog> {
 public:
  explicit MemoryLog(size_t log_bytes_max = 1u << 20) : log_bytes_max_(log_bytes_max) {}
  /// Its followers end as NOT_FOUND.
  ~MemoryLog() { wake(); }
  MemoryLog(const MemoryLog&) = delete;
  MemoryLog& operator=(const MemoryLog&) = delete;

  void append(std::string_view bytes) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      text_.append(bytes);
      if (text_.size() > log_bytes_max_) {
        first_ += text_.size() - log_bytes_max_;
        text_.erase(0, text_.size() - log_bytes_max_);
      }
    }
    wake();
  }
  /// Nothing follows any more: followers get the rest, then their end.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    wake();
  }
  /// Answers a `logs` call from its offset on: at once, or when the log is closed if it says `follow`.
  void serve(const AsyncCall<kinds::job_runner::LogsAnswer>& call, const kinds::job_runner::LogsRequest& request) {
    auto follower = std::make_shared<Follower>(weak_from_this(), call, request);
    {
      const std::lock_guard lock(mutex_);
      forget_ended();
      if (!closed_) followers_.push_back(follower);
    }
    call.on_cancel([follower] { follower->pump(); });
    follower->pump();
  }
  /// How many are being served.
  size_t followers() const {
    const std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::count_if(followers_.begin(), followers_.end(), [](const auto& f) { return !f->ended(); }));
  }

 private:
  struct Piece {
    uint64_t offset = 0;
    std::string bytes;
    bool closed = false;
  };
  Piece piece_at(uint64_t offset) const {
    const std::lock_guard lock(mutex_);
    Piece piece{std::clamp(offset, first_, first_ + text_.size()), {}, closed_};
    piece.bytes = text_.substr(piece.offset - first_, chunk_bytes_max);
    return piece;
  }

  class Follower : public std::enable_shared_from_this<Follower> {
   public:
    Follower(std::weak_ptr<MemoryLog> log, AsyncCall<kinds::job_runner::LogsAnswer> call, const kinds::job_runner::LogsRequest& request)
        : log_(std::move(log)), call_(std::move(call)), offset_(request.offset), follow_(request.follow) {}

    /// One thread at a time sends; whoever comes meanwhile makes it look once more.
    void pump() {
      {
        const std::lock_guard lock(mutex_);
        again_ = true;
        if (std::exchange(pumping_, true)) return;
      }
      for (;;) {
        {
          const std::lock_guard lock(mutex_);
          if (!std::exchange(again_, false)) {
            pumping_ = false;
            return;
          }
        }
        call_.guard([this] { send(); });
      }
    }

    bool ended() const { return call_.ended(); }

   private:
    void send() {
      for (;;) {
        if (call_.cancelled()) throw Error(Code::cancelled, "whoever asked has gone");
        const auto log = log_.lock();
        if (!log) throw Error(Code::not_found, "the log has been removed");
        const Piece piece = log->piece_at(offset_);
        if (piece.offset != offset_ || !told_) {
          const kinds::job_runner::LogEvent event{piece.offset, {}};
          if (!call_.try_emit(Stream::event, dump(nlohmann::json(event)))) return wait();
          told_ = true;
          offset_ = piece.offset;
        }
        if (piece.bytes.empty()) {
          if (piece.closed || !follow_) call_.reply({offset_});
          return;  // append() wakes us
        }
        if (!call_.try_emit(Stream::out, piece.bytes)) return wait();
        offset_ += piece.bytes.size();
      }
    }
    void wait() {
      call_.on_writable([self = shared_from_this()] { self->pump(); });
    }

    const std::weak_ptr<MemoryLog> log_;  // the log owns its followers
    const AsyncCall<kinds::job_runner::LogsAnswer> call_;
    uint64_t offset_;
    const bool follow_;
    bool told_ = false;
    std::mutex mutex_;
    bool pumping_ = false, again_ = false;
  };

  void forget_ended() {
    std::erase_if(followers_, [](const auto& follower) { return follower->ended(); });
  }
  void wake() {
    std::vector<std::shared_ptr<Follower>> awake;
    {
      const std::lock_guard lock(mutex_);
      forget_ended();
      awake = followers_;
    }
    for (const auto& follower : awake) follower->pump();
  }

  const size_t log_bytes_max_;
  mutable std::mutex mutex_;
  std::string text_;
  uint64_t first_ = 0;  ///< offset of text_'s first byte
  bool closed_ = false;
  std::vector<std::shared_ptr<Follower>> followers_;
};

}  // namespace operon::sdk

/// core/plugin/call_slot.hpp: the host's memory of one call, and the table in which a handle finds it. Private to core/plugin.
///
/// A handle is a number inside a pointer: generation, instance, index, tag. Slots are reused and never freed, so that a handle of any age
/// can be looked up: `live` tells whether it is the present one. Everything not atomic belongs to `mutex`.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/files.hpp"
#include "core/plugin/core.hpp"

namespace operon::plugin {

/// generation:32, instance:12, index:18, tag:2
struct Handle {
  static constexpr unsigned tag_bits = 2, index_bits = 18, number_bits = 12;
  static constexpr uint64_t call_tag = 1, operation_tag = 2;

  static uint64_t make(uint32_t generation, unsigned number, uint32_t index) noexcept {
    return uint64_t{generation} << 32 | uint64_t{number} << (tag_bits + index_bits) | uint64_t{index} << tag_bits | call_tag;
  }
  static uint64_t tag(uint64_t h) noexcept { return h & 3u; }
  static uint32_t index(uint64_t h) noexcept { return static_cast<uint32_t>(h >> tag_bits) & ((1u << index_bits) - 1); }
  static unsigned number(uint64_t h) noexcept { return static_cast<unsigned>(h >> (tag_bits + index_bits)) & ((1u << number_bits) - 1); }
};

struct Chunk {
  uint32_t stream;
  std::string data;
};

struct PluginCallback {
  operon_callback fn = nullptr;
  void* arg = nullptr;
};

/// A descriptor of a bounded number: gives its place back with itself.
class CountedFd {
 public:
  CountedFd() = default;
  CountedFd(int fd, std::atomic<int>& count) noexcept : fd_(fd), count_(&count) {}
  CountedFd(const CountedFd&) = delete;
  CountedFd& operator=(CountedFd&& other) noexcept {
    reset();
    fd_ = std::move(other.fd_);
    count_ = std::exchange(other.count_, nullptr);
    return *this;
  }
  ~CountedFd() { reset(); }
  int get() const noexcept { return fd_.get(); }
  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  void reset() noexcept {
    fd_.reset();
    if (count_ != nullptr) std::exchange(count_, nullptr)->fetch_sub(1);
  }

 private:
  base::Fd fd_;
  std::atomic<int>* count_ = nullptr;
};

struct CallSlot {
  /// What has happened to the call; reset as a whole.
  struct Flags {
    bool verb_returned = false;  ///< and came back
    bool finished = false;       ///< `finish` was called
    bool closing = false;        ///< the verb ended the call, and its end is being worked out
    bool over = false;           ///< the plugin has nothing more to say: its handle is dead
    bool expired = false;        ///< the one who asked was told without waiting for the plugin
    bool delivered = false;      ///< the observer had its on_end
    bool delivering = false;     ///< a thread is inside the observer
    bool blocked = false;        ///< the observer was full
    bool counted = false;
    bool stuck = false;
    bool replied = false;
    bool failed = false;  ///< `fail` was called
    bool timed = false;
    bool cancel_registered = false;
    bool asynchronous = false;  ///< an observer waits for on_end, nobody on the condition
    uint32_t pins = 0;          ///< host threads that use the slot
    uint32_t writable_seq = 0;
    operon_status status = OPERON_OK;       ///< the end, once over or expired
    operon_status fail_status = OPERON_OK;  ///< what `fail` named
    operon_status finish_status = OPERON_OK;
  };

  explicit CallSlot(uint32_t i) : index(i) {}

  const uint32_t index;
  std::atomic<uint64_t> live{0};
  std::atomic<bool> cancelled{false};
  std::atomic<bool> plugin_gone{false};  ///< `over`, for the lock-free questions
  std::atomic<bool> entered{false};      ///< the verb was called
  std::atomic<int64_t> deadline_unix_ms{0};

  std::mutex mutex;
  std::condition_variable changed;

  uint32_t generation = 0;
  InstanceCore* core = nullptr;
  VerbEntry* verb = nullptr;
  Flags f;
  const char* fault = nullptr;      ///< which makes the end INTERNAL
  std::string* reply_to = nullptr;  ///< `reply`, or the buffer of a caller who waits
  std::string reply, request, fail_message, fail_details;
  std::string request_id, job_id, user;
  std::shared_ptr<const Blobs> blobs;
  CallObserver* observer = nullptr;
  std::shared_ptr<CallObserver> observer_kept;
  std::deque<Chunk> buffer;
  size_t buffered_bytes = 0;
  size_t refused_bytes = 0;  ///< the chunk for which there was no room

  bool has_room() const noexcept { return buffer.empty() || buffered_bytes + refused_bytes <= core->limits.stream_buffer_bytes_max; }

  PluginCallback on_cancel, on_writable;
  CountedFd cancel_fd;
  std::vector<uint64_t> operations;  ///< of the host, asked with this call as their parent
  Timers::Id timer = 0;
  std::chrono::milliseconds timeout{0};  ///< for the message
  std::chrono::steady_clock::time_point began;
};

/// A free slot, or null when `calls_max` (262,144) calls are alive in this process. Cheap: each thread keeps a few.
CallSlot* take_slot() noexcept;
/// `live` is already 0.
void give_back_slot(CallSlot&) noexcept;
/// The slot whose index the handle names, whoever has it now; null when the handle is none.
CallSlot* slot_of(uint64_t handle) noexcept;
/// Visits every slot ever made.
void for_each_slot(const std::function<void(CallSlot&)>&);

}  // namespace operon::plugin

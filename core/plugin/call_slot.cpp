#include "core/plugin/call_slot.hpp"

#include <array>

namespace operon::plugin {
namespace {

constexpr uint32_t segment_slots = 256;
constexpr uint32_t calls_max = 1u << Handle::index_bits;

using Segment = std::array<std::atomic<CallSlot*>, segment_slots>;

struct Table {
  std::mutex mutex;
  std::vector<CallSlot*> free;
  uint32_t made = 0;
  std::array<std::atomic<Segment*>, calls_max / segment_slots> segments{};
};

Table& table() noexcept {
  static auto* all = new Table;  // for ever: plugins' threads may ask while statics are destroyed
  return *all;
}

CallSlot* take_shared() noexcept {
  Table& t = table();
  std::lock_guard lock(t.mutex);
  if (!t.free.empty()) {
    CallSlot* slot = t.free.back();
    t.free.pop_back();
    return slot;
  }
  if (t.made == calls_max) return nullptr;
  uint32_t index = t.made++;
  auto& segment = t.segments[index / segment_slots];
  Segment* slots = segment.load(std::memory_order_relaxed);
  if (slots == nullptr) segment.store(slots = new Segment{}, std::memory_order_release);
  auto* slot = new CallSlot(index);
  (*slots)[index % segment_slots].store(slot, std::memory_order_release);
  if (t.free.capacity() < t.made) t.free.reserve(size_t{t.made} * 2);  // giving back never allocates
  return slot;
}

void give_back_shared(CallSlot* slot) noexcept {
  Table& t = table();
  std::lock_guard lock(t.mutex);
  t.free.push_back(slot);
}

/// A few slots of the thread's own, so that a call on the asking thread takes no shared lock.
struct OwnSlots {
  static constexpr size_t own_max = 4;
  std::array<CallSlot*, own_max> slots{};
  size_t count = 0;
  ~OwnSlots() {
    while (count > 0) give_back_shared(slots[--count]);
  }
};

thread_local OwnSlots own;

}  // namespace

CallSlot* take_slot() noexcept {
  return own.count > 0 ? own.slots[--own.count] : take_shared();
}

void give_back_slot(CallSlot& slot) noexcept {
  if (own.count < OwnSlots::own_max) {
    own.slots[own.count++] = &slot;
  } else {
    give_back_shared(&slot);
  }
}

CallSlot* slot_of(uint64_t handle) noexcept {
  if (Handle::tag(handle) != Handle::call_tag) return nullptr;
  uint32_t index = Handle::index(handle);
  Segment* slots = table().segments[index / segment_slots].load(std::memory_order_acquire);
  return slots == nullptr ? nullptr : (*slots)[index % segment_slots].load(std::memory_order_acquire);
}

void for_each_slot(const std::function<void(CallSlot&)>& visit) {
  std::vector<CallSlot*> all;
  {
    Table& t = table();
    std::lock_guard lock(t.mutex);
    for (uint32_t i = 0; i < t.made; ++i) all.push_back((*t.segments[i / segment_slots].load())[i % segment_slots].load());
  }
  for (CallSlot* slot : all) visit(*slot);
}

}  // namespace operon::plugin

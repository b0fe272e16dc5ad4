#include "core/base/secrets.hpp"

#include <atomic>
#include <bitset>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

namespace operon::base::detail {
namespace {

constexpr size_t secret_bytes_min = 6;
constexpr size_t remembered_secrets_max = 20'000;

/// The first `secret_bytes_min` bytes as a number: what a position of the text is looked up by.
uint64_t prefix_of(const char* at) {
  uint64_t prefix = 0;
  std::memcpy(&prefix, at, secret_bytes_min);
  return prefix;
}

uint16_t bucket_of(uint64_t prefix) {
  return static_cast<uint16_t>((prefix * 0x9e3779b97f4a7c15u) >> 48);
}

struct Known {
  std::shared_mutex mutex;
  // Longest first within a prefix, so that a secret that begins another one does not hide its tail.
  struct LongestFirst {
    bool operator()(const std::string& a, const std::string& b) const { return a.size() != b.size() ? a.size() > b.size() : a < b; }
  };
  std::unordered_map<uint64_t, std::map<std::string, size_t, LongestFirst>> by_prefix;
  std::bitset<65536> buckets;  // a quick "certainly not here"; bits are cleared only when nothing is remembered
  size_t count = 0;
  std::atomic<size_t> hint{0};  // lets the empty case go without the lock
};

Known& known() {
  static auto* all = new Known;  // for ever: lines may be written while statics are destroyed
  return *all;
}

}  // namespace

bool remember_secret(const std::string& value) {
  if (value.size() < secret_bytes_min) return false;
  auto& all = known();
  std::lock_guard lock(all.mutex);
  uint64_t prefix = prefix_of(value.data());
  auto& bucket = all.by_prefix[prefix];
  auto found = bucket.find(value);
  if (found == bucket.end()) {
    if (all.count >= remembered_secrets_max) {
      if (bucket.empty()) all.by_prefix.erase(prefix);
      return false;
    }
    bucket.emplace(value, 1);
    all.buckets.set(bucket_of(prefix));
    all.hint = ++all.count;
  } else {
    ++found->second;
  }
  return true;
}

void forget_secret(const std::string& value) noexcept {
  auto& all = known();
  std::lock_guard lock(all.mutex);
  auto bucket = all.by_prefix.find(prefix_of(value.data()));
  if (bucket == all.by_prefix.end()) return;
  auto found = bucket->second.find(value);
  if (found == bucket->second.end() || --found->second > 0) return;
  bucket->second.erase(found);
  if (bucket->second.empty()) all.by_prefix.erase(bucket);
  all.hint = --all.count;
  if (all.count == 0) all.buckets.reset();
}

std::string replace_known_secrets(std::string_view text, std::string_view replacement) {
  auto& all = known();
  if (all.hint.load(std::memory_order_acquire) == 0) return std::string(text);
  std::shared_lock lock(all.mutex);
  std::string out;
  size_t copied = 0;
  for (size_t i = 0; i + secret_bytes_min <= text.size(); ++i) {
    uint64_t prefix = prefix_of(text.data() + i);
    if (!all.buckets.test(bucket_of(prefix))) continue;
    auto bucket = all.by_prefix.find(prefix);
    if (bucket == all.by_prefix.end()) continue;
    for (const auto& [value, uses] : bucket->second) {
      if (text.compare(i, value.size(), value) != 0) continue;
      out.append(text.substr(copied, i - copied)).append(replacement);
      copied = i + value.size();
      i = copied - 1;
      break;
    }
  }
  return out.append(text.substr(copied));
}

}  // namespace operon::base::detail

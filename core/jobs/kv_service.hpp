/// core/jobs/kv_service.hpp: `operon.host.kv/1`: small values that a plugin instance keeps across restarts, each in its own name space.
///
/// Verbs: get {"key"} -> {"value"} or NOT_FOUND; put {"key", "value"} -> {}; delete {"key"} -> {"deleted"};
/// list {"prefix"?, "after"?, "limit"?} -> {"keys", "continue"?} (give it back as `after`). Keys and values are UTF-8 text.
#pragma once

#include <memory>

#include "core/base/service.hpp"
#include "core/jobs/store.hpp"

namespace operon::jobs {

struct KvLimits {
  size_t key_bytes_max = 512;
  size_t value_bytes_max = 64u << 10;
  uint64_t keys_max = 10000;  ///< per instance
  unsigned calls_queued_max = 1000;
};

std::shared_ptr<base::Service> make_kv_service(std::shared_ptr<KvStore>, KvLimits = {});

}  // namespace operon::jobs

/// data-provider/listing.hpp: the names of a cluster's objects, asked for page by page.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "cluster_pool.hpp"
#include "core/kube/backoff.hpp"
#include "core/kube/client.hpp"
#include "core/kube/resource.hpp"
#include "operon/error.hpp"

namespace operon::data_provider {

struct ListingLimits {
  unsigned page_names_default = 500;   ///< asked of an API server at once
  unsigned page_names_max = 5'000;     ///< a caller may ask for this many at once; more are cut
  size_t answer_bytes_max = 3u << 20;  ///< of names in one answer: gRPC clients take 4 MiB unless they are told otherwise
  unsigned attempts_max = 4;           ///< of one page, while the deadline lasts
  unsigned silent_attempts_max = 3;    ///< of these without an answer: each has its share of the time that is left
};

struct ListQuery {
  kube::Resource resource;
  kube::ListOptions options;
  bool whole = false;  ///< every page; otherwise one, and the token for the next
};

/// Where the names go. Called on the cluster's thread.
struct ListSink {
  std::function<void(std::string_view name, std::string_view name_space)> name;
  std::function<void()> restart;  ///< forget what you have: the list begins again
  /// Once, last: the continue token, or why it failed.
  std::function<void(std::optional<Error>, std::string continue_token)> done;
};

/// One listing on its way. Only metadata is asked for. Repeats what is safe to repeat.
class Listing : public std::enable_shared_from_this<Listing> {
 public:
  Listing(ClusterPool::Client, ListQuery, ListSink, const ListingLimits&, std::chrono::steady_clock::time_point deadline);

  /// `done` may come before this returns. Throws Error(invalid_argument) for a namespace that cannot be one; then `done` does not come.
  void start();
  /// `done` still comes. From any thread.
  void cancel();

 private:
  void ask();
  void answered(kube::Result);
  bool again_later(const kube::Result&);
  void take_page(kube::Response&);
  void end(std::optional<Error>, std::string continue_token = {});
  void remember(kube::Client::Id);
  void cancel_in_flight();
  bool is_cancelled();

  const ClusterPool::Client cluster_;
  ListQuery query_;
  ListSink sink_;
  const ListingLimits limits_;
  const std::chrono::steady_clock::time_point deadline_;
  const std::string what_;
  std::optional<kube::Backoff> backoff_;  // made when it is needed: its randomness costs as much as a tenth of a call
  unsigned attempts_ = 0, silent_attempts_ = 0;
  size_t bytes_ = 0;
  bool restarted_ = false;
  std::mutex mutex_;  // of what follows
  kube::Client::Id in_flight_ = 0;
  bool cancelled_ = false;
};

}  // namespace operon::data_provider

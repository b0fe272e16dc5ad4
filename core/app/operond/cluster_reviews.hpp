/// core/app/operond/cluster_reviews.hpp: callers told apart by the cluster: who has this token, and what may they do with runs?
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/app/operond/kubernetes.hpp"
#include "core/app/operond/readiness.hpp"
#include "core/config/settings.hpp"
#include "core/http/caller_check.hpp"

namespace operon::app {

/// TokenReview, then SubjectAccessReview on runs.operon.dev in the host's namespace. Thread-safe. The client must outlive it.
class ClusterReviews : public std::enable_shared_from_this<ClusterReviews> {
 public:
  ClusterReviews(kube::Client&, std::vector<std::string> audiences);

  /// Blocks, `review_ms_max` at most. Throws Error(unavailable) when there is no answer, in words for the caller: the reason is in the log.
  http::Admission review(const std::string& token, http::Role);

  /// Asks again and again, on the client's thread, whether the host may review at all.
  void watch();
  /// What is wrong with it at present; empty: nothing.
  std::string trouble() const;

 private:
  struct User;
  using Time = std::chrono::steady_clock::time_point;

  std::optional<User> user_of(const std::string& token, Time deadline);
  nlohmann::json ask(std::string_view resource, const nlohmann::json& review, Time deadline);
  void probe(size_t which);
  void found(std::string trouble);
  std::string missing_right(std::string_view resource) const;

  kube::Client& client_;
  const std::string name_space_;
  const std::vector<std::string> audiences_;
  mutable std::mutex mutex_;
  std::string trouble_ = "the cluster has not been asked yet";
};

/// For `rest.auth: kubernetes`. Throws Error(failed_precondition) when there is no cluster to ask. What keeps it from asking is shown among
/// the readiness checks.
std::shared_ptr<http::CallerCheck> review_callers(ClusterConnection&, const config::RestSettings&, Readiness&);

}  // namespace operon::app

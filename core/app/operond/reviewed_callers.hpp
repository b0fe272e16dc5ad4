/// core/app/operond/reviewed_callers.hpp: what somebody else says of a caller, kept for a moment.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/clock.hpp"
#include "core/http/caller_check.hpp"

namespace operon::app {

struct ReviewLimits {
  std::chrono::milliseconds allowed_ms_max{10'000};  ///< for this long a right that was taken away still counts
  std::chrono::milliseconds refused_ms_max{5'000};   ///< and one that was given does not yet
  std::chrono::milliseconds outage_ms{1'000};        ///< after an answer that did not come: nobody asks meanwhile
  size_t entries_max = 1'000;                        ///< of a token and a role
  size_t token_bytes_max = 8'192;                    ///< longer ones are nobody's
};

/// Asks a reviewer once for all who wait for the same answer, and keeps it, under the token's SHA-256. Thread-safe.
class ReviewedCallers final : public http::CallerCheck {
 public:
  /// Blocks, within a bound. Throws Error when there is no answer: its text is what the caller is told. Called by several threads.
  using Reviewer = std::function<http::Admission(const std::string& token, http::Role)>;

  ReviewedCallers(Reviewer, const base::Clock&, ReviewLimits = {});

  std::optional<http::Admission> known(std::string_view authorization_header, http::Role) override;
  http::Admission review(std::string_view authorization_header, http::Role) override;
  size_t entries() const;

 private:
  using Key = std::pair<std::string, http::Role>;
  using Time = std::chrono::steady_clock::time_point;
  struct Entry {
    http::Admission admission;
    Time until;
  };
  using Answer = std::shared_future<http::Admission>;

  std::optional<http::Admission> kept(const Key&);
  http::Admission ask(const std::string& token, const Key&);
  void keep(const Key&, const http::Admission&);
  void make_room();

  const Reviewer reviewer_;
  const base::Clock& clock_;
  const ReviewLimits limits_;
  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::map<Key, Answer> asked_;
  Time outage_until_{};
  std::string outage_;
};

}  // namespace operon::app

#include "core/app/operond/reviewed_callers.hpp"

#include <algorithm>
#include <array>

#include "core/base/ids.hpp"
#include "core/config/token_file.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"
#include "operon/error.hpp"

namespace operon::app {
namespace {

using http::Admission;
using http::Role;

/// RFC 6750: anything else is no bearer token, and nobody has to be asked about it.
bool is_token(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/=").find(c) != std::string_view::npos;
  });
}

void count(Admission::Answer answer) {
  static const auto of = [](std::string_view result) {
    return metrics::counter("operon_rest_caller_reviews_total", "Questions to the cluster about a caller, by what came of them.",
                            {{"result", result}});
  };
  static const std::array<metrics::Counter, 4> counters{of("allowed"), of("unknown"), of("forbidden"), of("unavailable")};
  counters[static_cast<size_t>(answer)].add();
}

Admission unavailable(std::string why) {
  return {Admission::Answer::unavailable, {}, std::move(why)};
}

}  // namespace

ReviewedCallers::ReviewedCallers(Reviewer reviewer, const base::Clock& clock, ReviewLimits limits)
    : reviewer_(std::move(reviewer)), clock_(clock), limits_(limits) {}

std::optional<Admission> ReviewedCallers::known(std::string_view authorization_header, Role role) {
  static const auto hits = metrics::counter("operon_rest_caller_cache_hits_total", "Callers who were known from an earlier review.");
  const auto token = config::bearer_token(authorization_header);
  if (token.empty() || token.size() > limits_.token_bytes_max || !is_token(token)) return Admission{};
  const Key key(base::sha256_hex(token), role);
  std::lock_guard lock(mutex_);
  auto found = kept(key);
  if (found) hits.add();
  if (!found && clock_.steady() < outage_until_) return unavailable(outage_);
  return found;
}

Admission ReviewedCallers::review(std::string_view authorization_header, Role role) {
  if (auto found = known(authorization_header, role)) return *found;
  const std::string token(config::bearer_token(authorization_header));
  return ask(token, Key(base::sha256_hex(token), role));
}

std::optional<Admission> ReviewedCallers::kept(const Key& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  if (clock_.steady() < found->second.until) return found->second.admission;
  entries_.erase(found);
  return std::nullopt;
}

/// The first who asks does it for all.
Admission ReviewedCallers::ask(const std::string& token, const Key& key) {
  std::promise<Admission> mine;
  Answer others;
  {
    std::lock_guard lock(mutex_);
    if (auto found = kept(key)) return *found;  // answered since it was looked for
    if (const auto asked = asked_.find(key); asked != asked_.end()) {
      others = asked->second;
    } else {
      asked_.emplace(key, mine.get_future().share());
    }
  }
  if (others.valid()) return others.get();
  Admission admission;
  try {
    admission = reviewer_(token, key.second);
  } catch (const Error& e) {
    admission = unavailable(e.what());
  } catch (const std::exception& e) {
    log::error("callers cannot be checked", {{"reason", e.what()}});
    admission = unavailable("callers cannot be checked at present");
  }
  count(admission.answer);
  {
    std::lock_guard lock(mutex_);
    keep(key, admission);
    asked_.erase(key);
  }
  mine.set_value(admission);
  return admission;
}

void ReviewedCallers::keep(const Key& key, const Admission& admission) {
  const auto now = clock_.steady();
  if (admission.answer == Admission::Answer::unavailable) {
    outage_until_ = now + limits_.outage_ms;
    outage_ = admission.message;
    return;
  }
  outage_until_ = {};
  make_room();
  entries_.insert_or_assign(
      key, Entry{admission, now + (admission.answer == Admission::Answer::allowed ? limits_.allowed_ms_max : limits_.refused_ms_max)});
}

/// What is out of date goes first, then who was refused: strangers cannot push out those who are known.
void ReviewedCallers::make_room() {
  if (entries_.size() < limits_.entries_max) return;
  const auto now = clock_.steady();
  std::erase_if(entries_, [&](const auto& entry) { return entry.second.until <= now; });
  while (entries_.size() >= limits_.entries_max) {
    const auto rank = [](const Entry& e) { return std::pair(e.admission.answer == Admission::Answer::allowed, e.until); };
    entries_.erase(
        std::min_element(entries_.begin(), entries_.end(), [&](const auto& a, const auto& b) { return rank(a.second) < rank(b.second); }));
  }
}

size_t ReviewedCallers::entries() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace operon::app

#include <nlohmann/json.hpp>

#include "core/jobs/jobs.hpp"

namespace operon::jobs {

using nlohmann::json;

std::string freeze_text(const Freeze& freeze) {
  const json text = {{"frozen", freeze.frozen}, {"reason", freeze.reason}, {"user", freeze.user}, {"since", freeze.since_unix_ms}};
  return text.dump(-1, ' ', false, json::error_handler_t::replace);
}

Freeze freeze_of(const std::optional<std::string>& text) {
  if (!text) return {};
  try {
    const json stored = json::parse(*text);
    return {stored.at("frozen").get<bool>(), stored.value("reason", ""), stored.value("user", ""), stored.value("since", int64_t{0})};
  } catch (const json::exception&) {
    return {true, "what is stored of a freeze makes no sense; unfreezing writes it anew", "", 0};
  }
}

std::string who_froze(const Freeze& freeze) {
  const std::string who = freeze.user.empty() ? "frozen" : "frozen by " + freeze.user;
  return freeze.reason.empty() || freeze.reason == who ? who : who + ": " + freeze.reason;
}

}  // namespace operon::jobs

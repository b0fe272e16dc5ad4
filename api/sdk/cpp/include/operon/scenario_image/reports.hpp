/// operon/scenario_image/reports.hpp: what a catalogue has to say, as lines of the host's log.
#pragma once

#include <string>

#include "operon/scenario_image/catalogue.hpp"
#include "operon/sdk/host.hpp"

namespace operon::scenario_image {

inline Catalogue::Reports reports_of(const sdk::Host& host, const std::string& repository) {
  Catalogue::Reports reports;
  reports.skipped = [host, repository](const std::string& tag, const std::string& reason) {
    host.warn(tag.empty() ? "a registry could not be asked anew" : "scenario skipped",
              {{"repository", repository}, {"tag", tag}, {"reason", reason}});
  };
  reports.without_globals = [host, repository](const std::string& tag, const std::string& reason) {
    host.warn("scenario without its globals", {{"repository", repository}, {"tag", tag}, {"reason", reason}});
  };
  reports.progress = [host, repository](size_t read, size_t all) {
    host.info("reading scenarios", {{"repository", repository}, {"read", std::to_string(read)}, {"tags", std::to_string(all)}});
  };
  return reports;
}

/// A file of an administrator, such as authorities' certificates or logins. Throws Error(invalid_argument) naming it; an empty one is
/// wrong, too.
std::string read_small_file(const std::string& path);
inline constexpr size_t small_file_bytes_max = 1u << 20;

}  // namespace operon::scenario_image

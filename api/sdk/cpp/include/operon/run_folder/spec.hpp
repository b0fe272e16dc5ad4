/// operon/run_folder/spec.hpp: keys of the file `spec`: what a supervisor is to run, and how long.
#pragma once

#include <string_view>

namespace operon::run_folder::spec {

inline constexpr std::string_view version = "version";                  ///< format_version
inline constexpr std::string_view argument = "argument";                ///< repeats: argv of the run
inline constexpr std::string_view environment = "environment";          ///< repeats: NAME=VALUE, all there is
inline constexpr std::string_view workdir = "workdir";                  ///< absolute
inline constexpr std::string_view revert_argument = "revert-argument";  ///< repeats: argv of what undoes the run
inline constexpr std::string_view revert_always = "revert-always";      ///< "1": also after exit code 0
inline constexpr std::string_view time_limit_ms = "time-limit-ms";      ///< 0 = none
inline constexpr std::string_view revert_limit_ms = "revert-limit-ms";  ///< for the undoing
inline constexpr std::string_view grace_ms = "grace-ms";                ///< between TERM and KILL when nobody says otherwise
inline constexpr std::string_view segment_bytes = "segment-bytes";      ///< a log segment's size
inline constexpr std::string_view log_bytes_max = "log-bytes-max";      ///< of all segments; the oldest go first
inline constexpr std::string_view limit = "limit";                      ///< repeats: "NUMBER-OF-RLIMIT VALUE", soft and hard
inline constexpr std::string_view cgroup = "cgroup";                    ///< folder to make for the run in a cgroup v2 tree
inline constexpr std::string_view cgroup_setting = "cgroup-setting";    ///< repeats: "memory.max 1000000"
inline constexpr std::string_view secret_file = "secret-file";          ///< repeats: removed when the run has ended
inline constexpr std::string_view token = "token";                      ///< entry of `environment` that only this run's processes have

}  // namespace operon::run_folder::spec

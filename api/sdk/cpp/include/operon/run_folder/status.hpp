/// operon/run_folder/status.hpp: keys and words of the file `status`: what became of a run.
#pragma once

#include <string_view>

namespace operon::run_folder::status {

inline constexpr std::string_view version = "version";
inline constexpr std::string_view state = "state";
inline constexpr std::string_view boot_id = "boot-id";  ///< of the kernel that runs it: process ids mean nothing under another one
inline constexpr std::string_view supervisor_pid = "supervisor-pid";  ///< for people; `lock` tells whether it lives
inline constexpr std::string_view pid = "pid";                        ///< of the run's first process
inline constexpr std::string_view start_unix_ms = "start-unix-ms";
inline constexpr std::string_view end_unix_ms = "end-unix-ms";
inline constexpr std::string_view cause = "cause";                  ///< why it ended
inline constexpr std::string_view exit_code = "exit-code";          ///< of the first process, when it exited
inline constexpr std::string_view signal = "signal";                ///< that killed the first process
inline constexpr std::string_view out_of_memory = "out-of-memory";  ///< "1": the kernel killed something of the run for want of memory
inline constexpr std::string_view failed_step = "failed-step";      ///< cause not_started: what could not be done
inline constexpr std::string_view failed_errno = "failed-errno";
inline constexpr std::string_view failed_on = "failed-on";          ///< cause not_started: the program or folder that it failed on
inline constexpr std::string_view time_limit_ms = "time-limit-ms";  ///< that the run had; absent = none
inline constexpr std::string_view revert = "revert";                ///< absent: there was nothing to undo
inline constexpr std::string_view log_end = "log-end";              ///< bytes written by the run, lost ones too
inline constexpr std::string_view log_lost = "log-lost";            ///< bytes that could not be stored

namespace state_word {
inline constexpr std::string_view starting = "starting";
inline constexpr std::string_view running = "running";
inline constexpr std::string_view ended = "ended";
}  // namespace state_word

namespace cause_word {
inline constexpr std::string_view exited = "exited";            ///< by itself, or killed by somebody else
inline constexpr std::string_view not_started = "not-started";  ///< failed_step and failed_errno say why
inline constexpr std::string_view stop = "stop";                ///< asked for
inline constexpr std::string_view time_limit = "time-limit";
inline constexpr std::string_view shutdown = "shutdown";                ///< the supervisor was sent SIGTERM
inline constexpr std::string_view supervisor_lost = "supervisor-lost";  ///< the supervisor died first
inline constexpr std::string_view machine_restarted = "machine-restarted";
}  // namespace cause_word

namespace step_word {
inline constexpr std::string_view spec = "spec";  ///< `spec` could not be read
inline constexpr std::string_view log = "log";    ///< no log could be opened
inline constexpr std::string_view fork = "fork";
inline constexpr std::string_view workdir = "workdir";
inline constexpr std::string_view limit = "limit";
inline constexpr std::string_view program = "program";          ///< execve
inline constexpr std::string_view interpreter = "interpreter";  ///< the program is there, what its #! names is not
}  // namespace step_word

namespace revert_word {
inline constexpr std::string_view done = "done";
inline constexpr std::string_view failed = "failed";
inline constexpr std::string_view time_limit = "time-limit";
}  // namespace revert_word

}  // namespace operon::run_folder::status

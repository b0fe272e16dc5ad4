/// clean_up.cpp: what is left to do when another supervisor of this run died.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "files.hpp"
#include "operon/run_folder/status.hpp"
#include "processes.hpp"
#include "supervisor.hpp"

namespace operon::supervisor {

namespace cause = run_folder::status::cause_word;
namespace state = run_folder::status::state_word;

constexpr unsigned rounds_max = 1500;  ///< of KILL, 20 ms each: what lives longer hangs in the kernel, and undoing must not wait for it

/// The first process went with its supervisor (PR_SET_PDEATHSIG). What it started is known by the cgroup and by an entry of the
/// environment that nobody else has; never by a process id.
void Supervisor::clean_up() {
  bool same_boot = false;
  protect_from_oom_killer();
  read_status(status_, same_boot);
  const bool readable = load_spec(spec_);
  reserve_status_room();
  open_channels();
  settings_ = spec_.settings;
  log_.begin(settings_.segment_bytes, settings_.log_bytes_max);
  status_.state = state::running;
  write_status(status_, false);
  report_written();
  if (same_boot && readable) {
    if (spec_.cgroup != nullptr) cgroup_.adopt(spec_.cgroup);
    for (unsigned i = 0; i < rounds_max; ++i) {
      cgroup_.kill();
      const unsigned found = spec_.token == nullptr ? 0 : signal_by_token(spec_.token, SIGKILL);
      if (found == 0 && cgroup_.empty()) break;
      usleep(20000);
    }
  }
  spec_.clear();
  close(input_);
  input_ = -1;
  const auto why = same_boot ? cause::supervisor_lost : cause::machine_restarted;
  if (settings_.has_revert) revert();
  end(why);
}

}  // namespace operon::supervisor

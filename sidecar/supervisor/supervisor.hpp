/// supervisor.hpp: one run from its first process to the last word of its status.
#pragma once

#include "cgroup.hpp"
#include "log_writer.hpp"
#include "program.hpp"
#include "spec.hpp"
#include "status.hpp"

namespace operon::supervisor {

/// Lives in the run folder, holds its lock, and is the sub-reaper of everything that the run starts.
class Supervisor {
 public:
  /// Starts the program, watches it to its end, undoes it where that is due.
  void run();
  /// The same from the point where another supervisor died: ends what is left, undoes, writes the end.
  void clean_up();

 private:
  struct Watched {
    pid_t pid = 0;
    bool gone = false;  ///< the first process was reaped
    int wait_status = 0;
    int64_t limit_at = 0;  ///< steady; 0 = none
    bool stoppable = false;
  };

  bool open_channels();
  bool start();
  void watch(Watched& watched);
  void wait_for_something(const Watched& watched);
  void reap(Watched& watched);
  void read_signals(Watched& watched);
  void look_for_stop_request();
  void ask_to_end(std::string_view cause, int64_t grace_ms);
  void kill_what_is_due(const Watched& watched);
  bool nothing_left() const;
  void drain_output();
  void read_output();
  bool revert_is_due() const;
  void revert();
  void end(std::string_view cause);
  void remove_secrets();
  void say(const char* text);

  Spec spec_;
  Settings settings_;
  Status status_;
  Cgroup cgroup_;
  LogWriter log_;
  int output_ = -1, input_ = -1;  ///< the pipe that all output goes through: read end, write end
  int signals_ = -1, control_ = -1;
  std::string_view cause_;  ///< why it is being ended; empty as long as it is not
  int64_t kill_at_ = 0;     ///< steady; from then on KILL
  unsigned kill_rounds_ = 0;
  bool stop_file_seen_ = false;
  uint64_t stop_file_grace_ms_ = 0;
};

/// Tells whoever started the supervisor that `status` has been written.
void report_written();

}  // namespace operon::supervisor

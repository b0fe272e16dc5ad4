#include "runs.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "files.hpp"
#include "operon/run_folder/layout.hpp"
#include "plan.hpp"
#include "shown_process.hpp"
#include "spec.hpp"
#include "supervisor_process.hpp"

namespace operon::runner_process {

namespace fs = std::filesystem;
using kinds::job_runner::terminal;

constexpr size_t job_id_bytes_max = 128;
constexpr const char* mask = "***";

static bool wants_controllers(const Limits& limits) {
  return limits.memory_bytes || limits.tasks || limits.cpus;
}

Runs::Runs(Configuration configuration, sdk::Host host)
    : configuration_(std::move(configuration)),
      host_(std::move(host)),
      cgroup_place_(find_cgroup_place(configuration_.cgroup, wants_controllers(configuration_.limits))),
      tails_({.log_end = [this](const std::string& job) -> std::optional<uint64_t> {
                const auto status = read_run_status(folder_of(job));
                if (!status || !status->ended()) return std::nullopt;
                return status->log_end;
              },
              .follow = [this](const std::string& job, bool on) { watcher_.follow(job, on); }}),
      watcher_({.started = [this] { take_up(); },
                .changed = [this](const std::string& job, bool certain) { changed(job, certain); },
                .log_grew = [this](const std::string& job, bool new_segment) { tails_.wake(job, new_segment); }}) {
  const auto& limits = configuration_.limits;
  if ((limits.memory_bytes && !cgroup_place_.memory) || (limits.tasks && !cgroup_place_.pids) || (limits.cpus && !cgroup_place_.cpu)) {
    host_.warn(
        "limits.memoryBytes, tasks and cpus hold only as far as a cgroup v2 with these controllers is delegated to the host, which it is "
        "not wholly",
        {{"cgroup", cgroup_place_.folder}});
  }
  watcher_.begin();
}

Runs::~Runs() {
  quiesce();
}

void Runs::quiesce() {
  watcher_.stop();
  tails_.stop();
}

fs::path Runs::folder_of(const std::string& job) const {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (job.empty() || job.size() > job_id_bytes_max || !std::all_of(job.begin(), job.end(), plain)) {
    throw Error(Code::invalid_argument, "`jobId`: must be 1 to 128 letters, digits, - and _").with_field("jobId");
  }
  return configuration_.runs_dir() / job;
}

/// On the watcher's thread, once: what an earlier host left is watched, and what lost its supervisor is undone, asked for or not.
void Runs::take_up() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(configuration_.temp_dir(), error)) {
    const Fd lock(::open((entry.path() / run_folder::lock_file).c_str(), O_RDONLY | O_CLOEXEC));
    const bool old = fs::file_time_type::clock::now() - entry.last_write_time(error) > std::chrono::minutes(10);
    if (!old || (lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0)) continue;
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
  }
  for (const auto& entry : fs::directory_iterator(configuration_.runs_dir(), error)) {
    try {
      const auto job = entry.path().filename().string();
      const auto status = read_run_status(entry.path());
      // A folder without a status was never started: whoever asks for it first decides.
      if (status && !status->ended()) look(job);
    } catch (const Error& e) {
      host_.error(std::string("a run folder could not be taken up: ") + e.what(), {{"folder", entry.path().string()}});
    }
  }
}

/// For those who wait for the end of a run whose supervisor died before it started anything.
static sdk::RunState never_started(const std::string& job) {
  auto state = to_state(job, std::nullopt);
  state.phase = kinds::job_runner::Phase::stopped;
  state.message = "ended before anything was started";
  return state;
}

/// None when there is no such run.
std::optional<sdk::RunState> Runs::look(const std::string& job) {
  const auto folder = folder_of(job);
  auto status = read_run_status(folder);
  if (status && status->ended()) return to_state(job, status);
  {
    const std::lock_guard lock(probe_mutex_);
    const Fd probe(::open((folder / run_folder::lock_file).c_str(), O_RDONLY | O_CLOEXEC));
    if (!probe && errno == ENOENT) return std::nullopt;
    if (!probe) throw_errno("open", folder / run_folder::lock_file);
    if (::flock(probe.get(), LOCK_SH | LOCK_NB) == 0) {
      ::flock(probe.get(), LOCK_UN);
      return look_at_dead(job, folder);
    }
  }
  watcher_.add(job, folder);
  // It may have ended between the first look and the watch: then nothing else would tell those who wait.
  status = read_run_status(folder);
  if (status && status->ended()) watcher_.poke(job);
  return to_state(job, status);
}

/// No supervisor lives: it ended, never was, or was killed; then another one does what is left to do.
std::optional<sdk::RunState> Runs::look_at_dead(const std::string& job, const fs::path& folder) {
  Fd lock(::open((folder / run_folder::lock_file).c_str(), O_RDWR | O_CLOEXEC));
  if (!lock && errno == ENOENT) return std::nullopt;
  if (!lock) throw_errno("open", folder / run_folder::lock_file);
  const bool taken = ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
  const auto status = read_run_status(folder);
  if (!taken || (status && status->ended())) return to_state(job, status);
  if (!status) {
    discard(job, folder);
    tell_waiters(job, never_started(job));  // with the folder went the watch that would have
    return std::nullopt;
  }
  host_.warn("the supervisor of a run died; ending what is left of the run, and undoing it", {{"job", job}});
  watcher_.add(job, folder);
  start_supervisor(configuration_.supervisor, folder, std::move(lock), SupervisorTask::clean_up);
  auto state = to_state(job, read_run_status(folder));
  if (!terminal(state.phase)) state.message = "the run's supervisor was killed; the run is being ended and undone";
  return state;
}

void Runs::discard(const std::string& job, const fs::path& folder) {
  watcher_.remove(job);
  make_folders(configuration_.temp_dir());
  auto grave = (configuration_.temp_dir() / (job + ".gone.XXXXXX")).string();
  if (::mkdtemp(grave.data()) == nullptr) throw_errno("make a folder in", configuration_.temp_dir());
  // At once gone under its name; the rest may take its time.
  if (::rename(folder.c_str(), (fs::path(grave) / "run").c_str()) != 0 && errno != ENOENT) throw_errno("remove", folder);
  remove_folder(grave);
}

void Runs::changed(const std::string& job, bool certain) {
  try {
    const auto state = look(job);
    const bool over = !state || terminal(state->phase);
    if (over) watcher_.remove(job);
    if (certain || over) host_.notify(kinds::job_runner::notify_kind, job);
    tails_.wake(job, true);
    if (over) tell_waiters(job, state ? *state : never_started(job));
  } catch (const Error& e) {
    host_.error(std::string("a run could not be looked at: ") + e.what(), {{"job", job}});
  }
}

void Runs::tell_waiters(const std::string& job, const sdk::RunState& state) {
  std::vector<StopCall> waiters;
  {
    const std::lock_guard lock(waiters_mutex_);
    const auto [first, last] = waiters_.equal_range(job);
    for (auto it = first; it != last; ++it) waiters.push_back(std::move(it->second));
    waiters_.erase(first, last);
  }
  for (const auto& waiter : waiters) waiter.reply(state);
}

Plan Runs::planned(const sdk::StartRequest& request, const Environment& passed) const {
  auto plan = make_plan(configuration_, request, folder_of(request.job_id).string(), passed);
  if (configuration_.supervisor.empty()) {
    throw Error(Code::unavailable,
                "the program operon-supervisor was found neither beside the running program nor in PATH; install it, or set `supervisor`");
  }
  return plan;
}

void Runs::validate(const sdk::StartRequest& request) const {
  planned(request, passed_on(configuration_));
}

sdk::Plan Runs::plan(const sdk::StartRequest& request) const {
  auto passed = passed_on(configuration_);
  for (auto& [name, value] : passed) value = mask;
  const auto plan = planned(request, passed);
  const auto folder = folder_of(request.job_id);
  const auto process =
      shown_process(request.job_id, request.object_name, supervisor_arguments(configuration_.supervisor, folder, SupervisorTask::run),
                    folder.string(), plan, spec_records(configuration_, cgroup_place_, plan, request.job_id, mask));
  return {nlohmann::json::array({process}).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

sdk::RunState Runs::start(const sdk::StartRequest& request, const BlobReader& read_blob) {
  const auto& job = request.job_id;
  const auto folder = folder_of(job);
  if (const auto there = look(job)) return *there;
  PreparedRun prepared(configuration_, cgroup_place_, planned(request, passed_on(configuration_)), job, read_blob);
  if (!prepared.publish(folder)) return inspect(job);
  watcher_.add(job, folder);
  try {
    start_supervisor(configuration_.supervisor, folder, prepared.take_lock(), SupervisorTask::run);
  } catch (...) {
    look(job);  // nothing was started: removes the folder
    throw;
  }
  const auto state = look(job);
  if (!state) throw Error(Code::unavailable, "the run's supervisor died before it started anything; try again");
  return *state;
}

sdk::RunState Runs::inspect(const std::string& job) {
  auto state = look(job);
  if (!state) throw Error(Code::not_found, "no run of job '" + job + "' is known to this runner");
  return std::move(*state);
}

std::vector<sdk::RunState> Runs::list() {
  std::vector<sdk::RunState> states;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(configuration_.runs_dir(), error)) {
    try {
      if (auto state = look(entry.path().filename().string())) states.push_back(std::move(*state));
    } catch (const Error& e) {
      host_.error(std::string("a run folder could not be listed: ") + e.what(), {{"folder", entry.path().string()}});
    }
  }
  return states;
}

/// The file lasts until somebody reads it; the FIFO wakes whoever listens, and also works when the disk is full.
void Runs::ask_to_stop(const fs::path& folder, int64_t grace_seconds) {
  const auto grace = std::to_string(std::clamp<int64_t>(grace_seconds, 0, 3600) * 1000);
  std::optional<Error> failed;
  try {
    replace_file(folder / run_folder::stop_file, grace);
  } catch (const Error& e) {
    failed = e;
  }
  const Fd control(::open((folder / run_folder::control_fifo).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  const auto line = grace + "\n";
  const bool told = control && (::write(control.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()) || errno == EAGAIN);
  if (failed && !told && fs::exists(folder)) throw *failed;
}

void Runs::stop(const StopCall& call, const sdk::StopRequest& request) {
  const auto& job = request.job_id;
  const auto before = inspect(job);
  if (terminal(before.phase)) return call.reply(before);
  {
    const std::lock_guard lock(waiters_mutex_);
    std::erase_if(waiters_, [](const auto& waiter) { return waiter.second.ended(); });
    waiters_.emplace(job, call);
  }
  ask_to_stop(folder_of(job), request.grace_seconds);
  const auto after = look(job);  // it may have ended before anybody waited
  if (!after || terminal(after->phase)) tell_waiters(job, after ? *after : never_started(job));
}

void Runs::logs(const LogsCall& call, const sdk::LogsRequest& request) {
  inspect(request.job_id);
  tails_.add(call, request, folder_of(request.job_id));
}

void Runs::destroy(const std::string& job) {
  const auto state = inspect(job);
  if (!terminal(state.phase)) throw Error(Code::failed_precondition, "job '" + job + "' still runs; stop it first");
  discard(job, folder_of(job));
  tell_waiters(job, state);
}

}  // namespace operon::runner_process

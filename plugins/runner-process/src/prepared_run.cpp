#include "prepared_run.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <cmath>

#include "digest.hpp"
#include "files.hpp"
#include "operon/error.hpp"
#include "operon/run_folder/layout.hpp"
#include "operon/run_folder/records.hpp"
#include "operon/run_folder/spec.hpp"

namespace operon::runner_process {

namespace fs = std::filesystem;
namespace keys = run_folder::spec;
using run_folder::append_number;
using run_folder::append_record;

namespace {

constexpr size_t blob_piece_bytes = 64u << 10;
constexpr int64_t cpu_period_us = 100000;  ///< what the kernel's cpu.max is told in

std::string random_words() {
  unsigned char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) throw_errno("read", "random bytes");
  std::string text;
  for (const auto byte : bytes) {
    text.push_back("0123456789abcdef"[byte >> 4]);
    text.push_back("0123456789abcdef"[byte & 15]);
  }
  return text;
}

void append_limits(std::string& spec, const Limits& limits) {
  const auto add = [&](int resource, std::optional<int64_t> value) {
    if (value) append_record(spec, keys::limit, std::to_string(resource) + " " + std::to_string(*value));
  };
  add(RLIMIT_CORE, 0);
  add(RLIMIT_NOFILE, limits.open_files);
  add(RLIMIT_NPROC, limits.processes);
  add(RLIMIT_CPU, limits.cpu_seconds);
  add(RLIMIT_AS, limits.address_space_bytes);
  add(RLIMIT_DATA, limits.data_bytes);
  add(RLIMIT_FSIZE, limits.file_bytes);
}

void append_cgroup(std::string& spec, const CgroupPlace& place, const Limits& limits, const std::string& job_id) {
  if (place.folder.empty()) return;
  append_record(spec, keys::cgroup, place.folder + "/operon-run-" + job_id);
  if (place.memory && limits.memory_bytes) append_record(spec, keys::cgroup_setting, "memory.max " + std::to_string(*limits.memory_bytes));
  if (place.pids && limits.tasks) append_record(spec, keys::cgroup_setting, "pids.max " + std::to_string(*limits.tasks));
  if (place.cpu && limits.cpus) {
    const auto quota = std::max<int64_t>(1000, std::llround(*limits.cpus * static_cast<double>(cpu_period_us)));
    append_record(spec, keys::cgroup_setting, "cpu.max " + std::to_string(quota) + " " + std::to_string(cpu_period_us));
  }
}

std::string spec_text(const Configuration& c, const CgroupPlace& place, const Plan& plan, const std::string& job_id) {
  std::string spec;
  append_number(spec, keys::version, run_folder::format_version);
  for (const auto& argument : plan.arguments) append_record(spec, keys::argument, argument);
  for (const auto& argument : plan.revert_arguments) append_record(spec, keys::revert_argument, argument);
  for (const auto& [name, value] : plan.environment) append_record(spec, keys::environment, name + "=" + value);
  const auto token = "OPERON_RUN=" + job_id + "." + random_words();
  append_record(spec, keys::environment, token);
  append_record(spec, keys::token, token);
  append_record(spec, keys::workdir, plan.workdir);
  if (plan.revert_always) append_record(spec, keys::revert_always, "1");
  append_number(spec, keys::time_limit_ms, static_cast<uint64_t>(plan.time_limit_ms));
  append_number(spec, keys::revert_limit_ms, static_cast<uint64_t>(c.revert_seconds_max) * 1000);
  append_number(spec, keys::grace_ms, static_cast<uint64_t>(c.grace_seconds) * 1000);
  append_number(spec, keys::segment_bytes, c.log_segment_bytes);
  append_number(spec, keys::log_bytes_max, c.log_bytes_max);
  for (const auto& file : plan.files) append_record(spec, keys::secret_file, std::string(run_folder::root_folder) + "/" + file.path);
  append_limits(spec, c.limits);
  append_cgroup(spec, place, c.limits, job_id);
  return spec;
}

}  // namespace

PreparedRun::PreparedRun(const Configuration& c, const CgroupPlace& place, const Plan& plan, const std::string& job_id,
                         const BlobReader& read_blob)
    : durable_(!plan.revert_arguments.empty()) {
  make_folders(c.runs_dir());
  make_folders(c.temp_dir());
  auto name = (c.temp_dir() / (job_id + ".XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) throw_errno("make a folder in", c.temp_dir());
  folder_ = name;
  try {
    for (const char* const folder : {run_folder::root_folder, run_folder::home_folder, run_folder::temp_folder})
      make_folders(folder_ / folder);
    write_files(plan, read_blob);
    write_new_file(folder_ / run_folder::spec_file, spec_text(c, place, plan, job_id));
    if (::mkfifo((folder_ / run_folder::control_fifo).c_str(), 0600) != 0) throw_errno("make", folder_ / run_folder::control_fifo);
    lock_.reset(::open((folder_ / run_folder::lock_file).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!lock_ || ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) throw_errno("lock", folder_ / run_folder::lock_file);
    if (durable_) make_files_durable(plan);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    throw;
  }
}

PreparedRun::~PreparedRun() {
  std::error_code ignored;
  if (!published_) fs::remove_all(folder_, ignored);
}

void PreparedRun::write_files(const Plan& plan, const BlobReader& read_blob) {
  std::string piece(plan.files.empty() ? 0 : blob_piece_bytes, '\0');
  for (const auto& file : plan.files) {
    const auto path = folder_ / run_folder::root_folder / file.path;
    make_folders(path.parent_path());
    if (file.blob.empty()) {
      write_new_file(path, file.content);
      continue;
    }
    uint64_t offset = 0;
    Sha256 digest;
    write_new_file(path, [&]() -> std::string_view {
      const size_t got = read_blob(file.blob, offset, piece.data(), piece.size());
      const auto bytes = std::string_view(piece).substr(0, got);
      offset += got;
      digest.add(bytes);
      return bytes;
    });
    if (offset != file.size) {
      throw Error(Code::data_loss, "the file for '/" + file.path + "' has " + std::to_string(offset) + " bytes; " +
                                       std::to_string(file.size) + " were announced");
    }
    if (!file.sha256.empty() && digest.hex() != file.sha256) {
      throw Error(Code::data_loss, "the file for '/" + file.path + "' is not the one announced: its SHA-256 is another");
    }
  }
}

void PreparedRun::make_files_durable(const Plan& plan) {
  const auto root = folder_ / run_folder::root_folder;
  for (const auto& file : plan.files) {
    make_durable(root / file.path);
    for (auto folder = (root / file.path).parent_path(); folder != folder_; folder = folder.parent_path()) make_durable(folder);
  }
  make_durable(folder_ / run_folder::spec_file);
  // The names in the run folder itself are stored by the supervisor, with its first status.
}

bool PreparedRun::publish(const fs::path& folder) {
  if (::renameat2(AT_FDCWD, folder_.c_str(), AT_FDCWD, folder.c_str(), RENAME_NOREPLACE) == 0) {
    published_ = true;
    if (durable_) make_durable(folder.parent_path());
    return true;
  }
  if (errno != EEXIST && errno != ENOTEMPTY) throw_errno("publish the run folder", folder);
  return false;
}

}  // namespace operon::runner_process

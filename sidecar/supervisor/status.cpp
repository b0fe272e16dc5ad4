#include "status.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buffer.hpp"
#include "files.hpp"
#include "operon/run_folder/layout.hpp"
#include "operon/run_folder/records.hpp"
#include "operon/run_folder/status.hpp"

namespace operon::supervisor {

namespace keys = run_folder::status;
using run_folder::append_number;
using run_folder::append_record;

constexpr const char* next_file = "status.next";
constexpr const char* room_file = "status.room";
constexpr size_t room_bytes = 4096;

static std::string_view boot_id() {
  static char id[37];
  static size_t size = 0;
  if (size == 0) {
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? 0 : read(fd, id, 36);
    if (fd >= 0) close(fd);
    size = got > 0 ? static_cast<size_t>(got) : 0;
  }
  return {id, size};
}

bool reserve_status_room() {
  const int fd = open(room_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  char zeros[room_bytes] = {};
  const bool good = write_all(fd, zeros, sizeof zeros);
  const int error = errno;
  close(fd);
  errno = error;
  return good;
}

static void describe(const Status& status, Buffer& text) {
  append_number(text, keys::version, run_folder::format_version);
  append_record(text, keys::state, status.state);
  append_record(text, keys::boot_id, boot_id());
  append_number(text, keys::supervisor_pid, static_cast<uint64_t>(getpid()));
  if (status.pid > 0) append_number(text, keys::pid, static_cast<uint64_t>(status.pid));
  if (status.start_unix_ms > 0) append_number(text, keys::start_unix_ms, static_cast<uint64_t>(status.start_unix_ms));
  if (status.state != keys::state_word::ended) return;
  append_number(text, keys::end_unix_ms, static_cast<uint64_t>(status.end_unix_ms));
  append_record(text, keys::cause, status.cause);
  if (status.exit_code >= 0) append_number(text, keys::exit_code, static_cast<uint64_t>(status.exit_code));
  if (status.signal > 0) append_number(text, keys::signal, static_cast<uint64_t>(status.signal));
  if (status.out_of_memory) append_record(text, keys::out_of_memory, "1");
  if (!status.failed_step.empty()) append_record(text, keys::failed_step, status.failed_step);
  if (status.failed_errno > 0) append_number(text, keys::failed_errno, static_cast<uint64_t>(status.failed_errno));
  if (!status.failed_on.empty()) append_record(text, keys::failed_on, status.failed_on);
  if (status.time_limit_ms > 0) append_number(text, keys::time_limit_ms, static_cast<uint64_t>(status.time_limit_ms));
  if (!status.revert.empty()) append_record(text, keys::revert, status.revert);
  append_number(text, keys::log_end, status.log_end);
  append_number(text, keys::log_lost, status.log_lost);
}

static void sync_folder() {
  const int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

/// The end goes into the room set aside; earlier states have a file of their own.
bool write_status(const Status& status, bool durable) {
  Buffer text;
  describe(status, text);
  const bool ended = status.state == keys::state_word::ended;
  const char* const path = ended ? room_file : next_file;
  const int fd = open(path, O_WRONLY | O_CREAT | (ended ? 0 : O_TRUNC) | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool good = write_all(fd, text.data(), text.size()) && ftruncate(fd, static_cast<off_t>(text.size())) == 0;
  if (good && durable) good = fsync(fd) == 0;
  int error = errno;
  close(fd);
  if (good && rename(path, run_folder::status_file) != 0) {
    error = errno;
    good = false;
  }
  if (good && durable) sync_folder();
  errno = error;
  return good;
}

bool read_status(Status& status, bool& same_boot) {
  Buffer text;
  if (!read_file(run_folder::status_file, text)) return false;
  run_folder::RecordReader reader(text.view());
  run_folder::Record record;
  same_boot = false;
  while (reader.next(record)) {
    uint64_t number = 0;
    if (record.key == keys::boot_id) same_boot = record.value == boot_id();
    if (!run_folder::decimal(record.value, number)) continue;
    if (record.key == keys::pid) status.pid = static_cast<pid_t>(number);
    if (record.key == keys::start_unix_ms) status.start_unix_ms = static_cast<int64_t>(number);
  }
  return !reader.broken();
}

}  // namespace operon::supervisor

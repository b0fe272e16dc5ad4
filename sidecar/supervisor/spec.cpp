#include "spec.hpp"

#include <errno.h>

#include "files.hpp"
#include "operon/run_folder/layout.hpp"
#include "operon/run_folder/records.hpp"
#include "operon/run_folder/spec.hpp"

namespace operon::supervisor {

namespace keys = run_folder::spec;
using run_folder::decimal;
using run_folder::Record;

static bool read_limit(std::string_view value, Spec& spec) {
  const auto space = value.find(' ');
  uint64_t resource = 0;
  Limit limit{};
  if (space == value.npos || spec.limit_count == limits_max) return false;
  if (!decimal(value.substr(0, space), resource) || !decimal(value.substr(space + 1), limit.value)) return false;
  limit.resource = static_cast<int>(resource);
  spec.limits[spec.limit_count++] = limit;
  return true;
}

/// -1: no number of ours.
static int read_number(const Record& record, Settings& settings) {
  struct Slot {
    std::string_view key;
    int64_t* ms;
    uint64_t* bytes;
  };
  const Slot slots[] = {{keys::time_limit_ms, &settings.time_limit_ms, nullptr},
                        {keys::revert_limit_ms, &settings.revert_limit_ms, nullptr},
                        {keys::grace_ms, &settings.grace_ms, nullptr},
                        {keys::segment_bytes, nullptr, &settings.segment_bytes},
                        {keys::log_bytes_max, nullptr, &settings.log_bytes_max}};
  for (const auto& slot : slots) {
    if (record.key != slot.key) continue;
    uint64_t number = 0;
    if (!decimal(record.value, number)) return 0;
    if (slot.ms != nullptr) *slot.ms = static_cast<int64_t>(number);
    if (slot.bytes != nullptr) *slot.bytes = number;
    return 1;
  }
  return -1;
}

static bool read_record(const Record& record, Spec& spec) {
  // The newline behind a value makes room for the NUL that execve wants.
  char* const value = const_cast<char*>(record.value.data());
  if (record.key == keys::limit) return read_limit(record.value, spec);
  if (const int number = read_number(record, spec.settings); number >= 0) return number == 1;
  if (record.key == keys::argument) spec.arguments.add(value);
  if (record.key == keys::environment) spec.environment.add(value);
  if (record.key == keys::revert_argument) spec.revert_arguments.add(value);
  if (record.key == keys::cgroup_setting) spec.cgroup_settings.add(value);
  if (record.key == keys::secret_file) spec.secret_files.add(value);
  if (record.key == keys::workdir) spec.workdir = value;
  if (record.key == keys::cgroup) spec.cgroup = value;
  if (record.key == keys::token) spec.token = value;
  if (record.key == keys::revert_always) spec.settings.revert_always = record.value == "1";
  return record.key != keys::version || record.value == "1";
}

bool load_spec(Spec& spec) {
  spec.clear();
  if (!read_file(run_folder::spec_file, spec.text)) return false;
  run_folder::RecordReader reader(spec.text.view());
  Record record, last{};
  bool good = true;
  while (good && reader.next(record)) {
    if (last.value.data() != nullptr) const_cast<char*>(last.value.data())[last.value.size()] = '\0';
    last = record;
    good = read_record(record, spec);
  }
  if (last.value.data() != nullptr) const_cast<char*>(last.value.data())[last.value.size()] = '\0';
  if (!good || reader.broken() || spec.arguments.size() == 0) {
    errno = EBADMSG;
    return false;
  }
  if (spec.environment.size() == 0) spec.environment.add(spec.text.data() + spec.text.size() - 1);
  spec.settings.has_revert = spec.revert_arguments.size() > 0;
  spec.settings.has_cgroup = spec.cgroup != nullptr;
  return true;
}

void Spec::clear() {
  text.clear();
  arguments.clear();
  environment.clear();
  revert_arguments.clear();
  cgroup_settings.clear();
  secret_files.clear();
  workdir = "/";
  cgroup = token = nullptr;
  limit_count = 0;
  settings = Settings{};
}

}  // namespace operon::supervisor

/// prepared_run.hpp: a run folder in the making: it appears under its name whole, and locked, or not at all.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "cgroup_place.hpp"
#include "configuration.hpp"
#include "operon/fd.hpp"
#include "plan.hpp"

namespace operon::runner_process {

/// Reads up to `size` bytes of a blob at `offset`; 0 at the end.
using BlobReader = std::function<size_t(const std::string& blob, uint64_t offset, char* into, size_t size)>;

class PreparedRun {
 public:
  /// Writes everything below `temp_dir`. Throws Error when it cannot be.
  PreparedRun(const Configuration&, const CgroupPlace&, const Plan&, const std::string& job_id, const BlobReader&);
  /// Removes what was not published.
  ~PreparedRun();
  PreparedRun(const PreparedRun&) = delete;
  PreparedRun& operator=(const PreparedRun&) = delete;

  /// False when a folder of that name is there already. A run that is to be undone is on the disk afterwards, under its name.
  bool publish(const std::filesystem::path& folder);
  /// The folder's lock, held since before it was published.
  Fd take_lock() { return std::move(lock_); }

 private:
  void write_files(const Plan&, const BlobReader&);
  void make_files_durable(const Plan&);

  std::filesystem::path folder_;
  const bool durable_;  ///< what has to be undone is known also after a power cut; the disk is waited for only then
  Fd lock_;
  bool published_ = false;
};

}  // namespace operon::runner_process

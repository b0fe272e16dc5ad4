#include "prepared_run.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>

#include "digest.hpp"
#include "files.hpp"
#include "operon/error.hpp"
#include "operon/run_folder/layout.hpp"
#include "spec.hpp"

namespace operon::runner_process {

namespace fs = std::filesystem;

namespace {

constexpr size_t blob_piece_bytes = 64u << 10;

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
    write_new_file(folder_ / run_folder::spec_file, spec_text(spec_records(c, place, plan, job_id, random_words())));
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

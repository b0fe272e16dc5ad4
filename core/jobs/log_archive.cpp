#include "core/jobs/log_archive.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "operon/error.hpp"

namespace operon::jobs {
namespace {

constexpr size_t frame_bytes = 128u << 10;
constexpr uint32_t skippable_magic = 0x184D2A5E;
constexpr char footer_magic[8] = {'O', 'P', 'R', 'L', 'O', 'G', '0', '1'};

struct Footer {
  uint64_t size;    ///< of the log
  uint64_t frames;  ///< their places stand before the footer, 8 bytes each
  char magic[8];
};
static_assert(sizeof(Footer) == 24);

[[noreturn]] void fail(const std::string& path, int error) {
  throw Error(Code::unavailable, "cannot write " + path + ": " + std::strerror(error));
}

/// The file under construction; removed unless it was finished.
struct Building {
  std::string path;
  base::Fd fd;
  bool finished = false;
  ~Building() {
    if (!finished) ::unlink(path.c_str());
  }
  void write(const void* bytes, size_t size) {
    const char* at = static_cast<const char*>(bytes);
    while (size > 0) {
      const ssize_t n = ::write(fd.get(), at, size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(path, errno);
      at += n;
      size -= static_cast<size_t>(n);
    }
  }
};

class ArchiveSource final : public LogSource {
 public:
  ArchiveSource(base::Fd fd, std::string path, uint64_t size, std::vector<uint64_t> places)
      : fd_(std::move(fd)), path_(std::move(path)), size_(size), places_(std::move(places)) {}
  uint64_t size() const override { return size_; }
  size_t read_at(uint64_t offset, char* into, size_t size) const override;

 private:
  const std::string& frame(size_t index) const;

  base::Fd fd_;
  std::string path_;
  uint64_t size_;
  std::vector<uint64_t> places_;  ///< of each frame, and the end of the last
  const uint64_t serial_ = next_serial.fetch_add(1);
  static inline std::atomic<uint64_t> next_serial{1};
};

/// One unpacked frame a thread, not one a reader: a thousand readers need no thousand buffers.
const std::string& ArchiveSource::frame(size_t index) const {
  thread_local std::string plain, packed;
  thread_local uint64_t holds_serial = 0;
  thread_local size_t holds_index = 0;
  if (holds_serial == serial_ && holds_index == index) return plain;
  holds_serial = 0;
  packed.resize(places_[index + 1] - places_[index]);
  const ssize_t n = ::pread(fd_.get(), packed.data(), packed.size(), static_cast<off_t>(places_[index]));
  if (n != static_cast<ssize_t>(packed.size())) throw Error(Code::data_loss, "the archived log " + path_ + " is damaged: it ends early");
  plain.resize(frame_bytes);
  const size_t got = ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size());
  const uint64_t due = std::min<uint64_t>(frame_bytes, size_ - index * frame_bytes);
  if (ZSTD_isError(got) != 0U || got != due)
    throw Error(Code::data_loss, "the archived log " + path_ + " is damaged: a part of it cannot be unpacked");
  plain.resize(got);
  holds_serial = serial_;
  holds_index = index;
  return plain;
}

size_t ArchiveSource::read_at(uint64_t offset, char* into, size_t size) const {
  size_t done = 0;
  while (done < size && offset + done < size_) {
    const uint64_t at = offset + done;
    const std::string& plain = frame(static_cast<size_t>(at / frame_bytes));
    const size_t skip = static_cast<size_t>(at % frame_bytes);
    const size_t n = std::min(size - done, plain.size() - skip);
    std::memcpy(into + done, plain.data() + skip, n);
    done += n;
  }
  return done;
}

}  // namespace

uint64_t write_archive(const LogSource& source, uint64_t size, const std::string& path) {
  Building building{path + ".tmp", base::Fd(::open((path + ".tmp").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600))};
  if (!building.fd) fail(building.path, errno);
  std::string plain(frame_bytes, '\0');
  std::string packed(ZSTD_compressBound(frame_bytes), '\0');
  std::vector<uint64_t> places;
  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  uint64_t written = 0;
  for (uint64_t at = 0; at < size; at += frame_bytes) {
    const size_t due = static_cast<size_t>(std::min<uint64_t>(frame_bytes, size - at));
    if (source.read_at(at, plain.data(), due) != due)
      throw Error(Code::data_loss, "the spooled log of " + path + " is shorter than what was written");
    const size_t n = ZSTD_compress2(context.get(), packed.data(), packed.size(), plain.data(), due);
    if (ZSTD_isError(n) != 0U) throw Error(Code::internal, std::string("cannot compress a log: ") + ZSTD_getErrorName(n));
    places.push_back(written);
    building.write(packed.data(), n);
    written += n;
  }
  Footer footer{size, places.size(), {}};
  std::memcpy(footer.magic, footer_magic, sizeof(footer_magic));
  const uint32_t head[2] = {skippable_magic, static_cast<uint32_t>(places.size() * sizeof(uint64_t) + sizeof(footer))};
  building.write(head, sizeof(head));
  building.write(places.data(), places.size() * sizeof(uint64_t));
  building.write(&footer, sizeof(footer));
  if (::fsync(building.fd.get()) != 0) fail(building.path, errno);
  if (::rename(building.path.c_str(), path.c_str()) != 0) fail(path, errno);
  building.finished = true;
  base::Fd folder(::open(std::filesystem::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) ::fsync(folder.get());
  return written + sizeof(head) + head[1];
}

std::shared_ptr<LogSource> open_archive(const std::string& path) {
  base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return nullptr;
    throw Error(Code::unavailable, "cannot read " + path + ": " + std::strerror(errno));
  }
  const auto damaged = [&path]() -> Error {
    return Error(Code::data_loss, "the archived log " + path + " is damaged: its table cannot be read");
  };
  struct stat info {};
  Footer footer{};
  const uint64_t head_bytes = 2 * sizeof(uint32_t);
  if (::fstat(fd.get(), &info) != 0 || static_cast<uint64_t>(info.st_size) < head_bytes + sizeof(footer)) throw damaged();
  const uint64_t file_size = static_cast<uint64_t>(info.st_size);
  if (::pread(fd.get(), &footer, sizeof(footer), static_cast<off_t>(file_size - sizeof(footer))) != static_cast<ssize_t>(sizeof(footer)))
    throw damaged();
  if (std::memcmp(footer.magic, footer_magic, sizeof(footer_magic)) != 0) throw damaged();
  const uint64_t room = file_size - head_bytes - sizeof(footer);
  if (footer.frames > room / sizeof(uint64_t) || footer.frames != (footer.size + frame_bytes - 1) / frame_bytes) throw damaged();
  std::vector<uint64_t> places(footer.frames + 1);
  const uint64_t table_bytes = footer.frames * sizeof(uint64_t);
  const uint64_t table_at = file_size - sizeof(footer) - table_bytes;
  if (::pread(fd.get(), places.data(), table_bytes, static_cast<off_t>(table_at)) != static_cast<ssize_t>(table_bytes)) throw damaged();
  places.back() = table_at - head_bytes;
  if (!std::is_sorted(places.begin(), places.end()) || (footer.frames > 0 && places.front() != 0)) throw damaged();
  for (size_t i = 0; i + 1 < places.size(); ++i) {
    if (places[i + 1] - places[i] > ZSTD_compressBound(frame_bytes)) throw damaged();
  }
  return std::make_shared<ArchiveSource>(std::move(fd), path, footer.size, std::move(places));
}

}  // namespace operon::jobs

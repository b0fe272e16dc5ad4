#include "core/jobs/log_reader.hpp"

#include <algorithm>
#include <cstring>

#include "core/base/text.hpp"
#include "core/log/log.hpp"
#include "operon/error.hpp"

namespace operon::jobs {
namespace {

constexpr size_t piece_bytes_max = 64u << 10;

class Reader final : public LogReader {
 public:
  Reader(ReaderParts parts, const LogOptions& options)
      : parts_(std::move(parts)),
        follow_(options.follow || options.ended),
        timestamps_(options.timestamps),
        cursor_(parts_.marks),
        position_(parts_.begin) {
    cursor_.seek(position_);
    if (parts_.live && options.ended) tail_lines_ = options.tail_lines;
    if (parts_.live) epoch_ = parts_.live->spool().trouble_epoch();
    if (!follow_) stop_at_ = stored_end();
    parts_.follower->target = stop_at_;
    parts_.follower->offset = position_;
    parts_.follower->took_ms = monotonic_ms();
  }
  ~Reader() override {
    parts_.follower->closed = true;
    if (parts_.live) parts_.live->spool().follow(-1);
    parts_.closed();
  }

  Got read(std::string& into, size_t max) override;

 private:
  uint64_t stored_end() const { return parts_.live ? parts_.live->spool().end() : parts_.source ? parts_.source->size() : 0; }
  bool attach();
  bool choose_tail();
  bool fill(std::string& into, size_t max);
  void marks_here(std::string& into);
  void piece(std::string& into, size_t size);
  void stamped(std::string& into, std::string_view bytes);
  void line_of_ours(std::string& into, const std::string& text);
  void tell_trouble(std::string& into);

  ReaderParts parts_;
  const bool follow_, timestamps_;
  std::optional<uint64_t> tail_lines_;  ///< to be chosen when the log is complete
  MarkCursor cursor_;
  uint64_t position_;
  uint64_t stop_at_ = 0;
  bool at_line_start_ = true;
  bool told_dropped_ = false;
  unsigned epoch_ = 0;
  std::string piece_;
};

/// A reader that came before the run started finds the files when they are there.
bool Reader::attach() {
  if (parts_.source) return true;
  if (!parts_.live || !parts_.live->spool().is_open()) return false;
  parts_.source = parts_.live->spool().source();
  parts_.marks = parts_.live->spool().marks();
  cursor_ = MarkCursor(parts_.marks);
  cursor_.seek(position_);
  return true;
}

/// False: the log is still coming, and the reader waits for its end.
bool Reader::choose_tail() {
  Spool& spool = parts_.live->spool();
  while (!spool.complete()) {
    if (spool.park(parts_.follower, spool.end())) return false;
  }
  if (attach()) {
    position_ = tail_start(*parts_.source, spool.end(), *tail_lines_);
    cursor_.seek(position_);
  }
  tail_lines_.reset();
  return true;
}

LogReader::Got Reader::read(std::string& into, size_t max) {
  Follower& follower = *parts_.follower;
  if (follower.dropped) {
    if (!told_dropped_) line_of_ours(into, dropped_marker(parts_.follower_stall_ms));
    told_dropped_ = true;
    return Got::dropped;
  }
  follower.took_ms.store(monotonic_ms(), std::memory_order_relaxed);
  const size_t before = into.size();
  try {
    if (tail_lines_ && !choose_tail()) return Got::wait;
    for (;;) {
      if (parts_.live) tell_trouble(into);
      const bool more = attach() && fill(into, max);
      follower.offset.store(position_, std::memory_order_relaxed);
      if (into.size() > before) return Got::data;
      if (more) continue;
      if (!follow_ || !parts_.live) return Got::end;
      if (parts_.live->spool().park(parts_.follower, position_)) return Got::wait;
      if (parts_.live->spool().complete() && position_ >= parts_.live->spool().end()) {
        if (attach()) marks_here(into);  // what was marked as it ended
        return into.size() > before ? Got::data : Got::end;
      }
    }
  } catch (const Error& e) {
    log::warn("a log cannot be read", {{"error", e.what()}});
    line_of_ours(into, "ERROR: the stored log cannot be read from here on\n");
    parts_.live.reset();
    parts_.source.reset();
    return Got::data;
  }
}

/// False: nothing is there at this position. May add nothing and yet have moved on.
bool Reader::fill(std::string& into, size_t max) {
  const size_t before = into.size();
  bool moved = false;
  while (into.size() - before < max) {
    const uint64_t at = position_;
    marks_here(into);
    const uint64_t end = follow_ ? stored_end() : stop_at_;
    if (position_ >= end) return moved || position_ != at || into.size() > before;
    uint64_t size = std::min<uint64_t>({end - position_, max - std::min(max, into.size() - before), piece_bytes_max});
    if (const Mark* next = cursor_.peek(); next != nullptr && (timestamps_ || next->kind != MarkKind::time)) {
      size = std::min(size, next->offset - position_);
    } else {
      // Times do not matter to this reader, but the marks behind them do.
      while (next != nullptr && next->kind == MarkKind::time && next->offset < position_ + size) {
        cursor_.take();
        next = cursor_.peek();
      }
      if (next != nullptr && next->kind != MarkKind::time) size = std::min(size, next->offset - position_);
    }
    if (size == 0) break;
    piece(into, static_cast<size_t>(size));
    moved = true;
  }
  return true;
}

/// Takes the marks of this position; what they say stands in the stream as a line of its own.
void Reader::marks_here(std::string& into) {
  for (const Mark* mark = cursor_.peek(); mark != nullptr && mark->offset <= position_; mark = cursor_.peek()) {
    const Mark here = *mark;
    cursor_.take();
    if (here.kind == MarkKind::time || here.offset < position_) continue;
    line_of_ours(into, mark_text(here, parts_.log_bytes_max));
    if (here.kind == MarkKind::gap) position_ += static_cast<uint64_t>(here.value);
  }
}

void Reader::piece(std::string& into, size_t size) {
  char* to = nullptr;
  if (timestamps_) {
    piece_.resize(size);
    to = piece_.data();
  } else {
    into.resize(into.size() + size);
    to = into.data() + into.size() - size;
  }
  size_t got = parts_.live ? parts_.live->spool().from_ring(position_, to, size) : 0;
  if (got == 0) got = parts_.source->read_at(position_, to, size);
  if (got == 0) throw Error(Code::data_loss, "a stored log is shorter than it was");
  position_ += got;
  if (timestamps_) {
    stamped(into, std::string_view(piece_.data(), got));
    if (piece_.capacity() > piece_bytes_max / 4) std::string().swap(piece_);
  } else {
    into.resize(into.size() - (size - got));
    at_line_start_ = into.back() == '\n';
  }
}

void Reader::stamped(std::string& into, std::string_view bytes) {
  const std::string prefix = base::rfc3339_ms(cursor_.time()) + " ";
  while (!bytes.empty()) {
    if (at_line_start_) into += prefix;
    const size_t newline = bytes.find('\n');
    const size_t n = newline == std::string_view::npos ? bytes.size() : newline + 1;
    into.append(bytes.substr(0, n));
    at_line_start_ = newline != std::string_view::npos;
    bytes.remove_prefix(n);
  }
}

void Reader::line_of_ours(std::string& into, const std::string& text) {
  if (!at_line_start_) into += '\n';
  into += text;
  at_line_start_ = true;
}

void Reader::tell_trouble(std::string& into) {
  const unsigned epoch = parts_.live->spool().trouble_epoch();
  if (epoch == epoch_) return;
  epoch_ = epoch;
  const std::string trouble = parts_.live->spool().trouble();
  if (!trouble.empty()) line_of_ours(into, "ERROR: the log stands still, it cannot be stored: " + trouble + "\n");
}

}  // namespace

std::unique_ptr<LogReader> make_reader(ReaderParts parts, const LogOptions& options) {
  return std::make_unique<Reader>(std::move(parts), options);
}

}  // namespace operon::jobs

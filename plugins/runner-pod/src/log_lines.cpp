#include "log_lines.hpp"

#include <algorithm>
#include <utility>

#include "text.hpp"

namespace operon::runner_pod {
namespace {

constexpr size_t timestamp_bytes_max = 40;
constexpr int64_t time_step_ms = 50;           ///< finer differences are not told
constexpr size_t piece_bytes_max = 64u << 10;  ///< one chunk to the host
constexpr size_t unread_words_bytes_max = 512;

/// How kubelets begin what they say instead of a log (kubernetes/pkg/kubelet/kuberuntime/logs).
constexpr std::string_view unread_beginnings[] = {"unable to retrieve container logs for ",
                                                  "failed to try resolving symlinks in path ",
                                                  "failed to open log file ",
                                                  "failed to read log file ",
                                                  "failed to seek ",
                                                  "failed to reset seek ",
                                                  "failed to tail ",
                                                  "failed to get parse function: ",
                                                  "failed to create fsnotify watcher: ",
                                                  "failed to watch file ",
                                                  "failed to watch directory ",
                                                  "rpc error: "};

}  // namespace

LogLines::LogLines(uint64_t offset, std::optional<LogPlace> known) : given_(offset) {
  if (known && known->offset <= offset && known->unix_ns > 0) place_ = known;
}

std::string LogLines::since() const {
  return place_ ? rfc3339(place_->unix_ns) : std::string();
}

void LogLines::begin_stream() {
  anchor_ = place_;
  skip_ = place_ ? 0 : given_;  // without a place the stream begins with the log
  met_ = 0;
  prefix_.clear();
  judged_.clear();
  unread_words_.clear();
  in_line_ = passing_over_ = judging_ = container_gone_ = unread_ = false;
}

void LogLines::feed(std::string_view bytes, std::vector<LogPiece>& pieces) {
  while (!bytes.empty()) {
    if (!in_line_) {
      const auto space = bytes.find_first_of(" \n");
      prefix_.append(bytes.substr(0, space));
      bytes.remove_prefix(std::min(space, bytes.size()));
      if (bytes.empty() && prefix_.size() <= timestamp_bytes_max) return;  // the rest of it comes
      begin_line(pieces);
      if (line_ns_ && !bytes.empty() && bytes.front() == ' ') bytes.remove_prefix(1);
      continue;
    }
    const auto newline = bytes.find('\n');
    const auto part = bytes.substr(0, newline == bytes.npos ? newline : newline + 1);
    content(part, pieces);
    bytes.remove_prefix(part.size());
    if (newline != bytes.npos) end_line();
  }
}

void LogLines::begin_line(std::vector<LogPiece>& pieces) {
  in_line_ = true;
  const auto prefix = std::exchange(prefix_, {});
  line_ns_ = unix_ns(prefix);
  passing_over_ = false;
  // A kubelet's words end a stream. With a line behind it, it was the rest of one that began before the time from which we asked, or is a
  // line of a log without timestamps.
  if (line_ns_ || !place_) {
    unread_ = container_gone_ = false;
    unread_words_.clear();
  }
  if (anchor_ && line_ns_) look_for_anchor(pieces);
  judging_ = !line_ns_;  // no timestamp: words of the server's own
  if (judging_) content(prefix, pieces);
}

/// What the node says of the container instead of its log is no line of it. A log whose lines have timestamps has no line without one; one
/// without any comes from a server that does not give them, and is told from the node's words by how those begin.
void LogLines::judge(std::string_view bytes, std::vector<LogPiece>& pieces) {
  judged_.append(bytes);
  const auto may_become = [this](std::string_view whole) { return judged_.size() < whole.size() && whole.starts_with(judged_); };
  const auto begins_with = [this](std::string_view whole) { return judged_.starts_with(whole); };
  if (may_become(gone_words) || (!place_ && std::ranges::any_of(unread_beginnings, may_become))) return;  // the rest of it comes
  judging_ = false;
  container_gone_ = begins_with(gone_words);
  unread_ = !container_gone_ && (place_ || std::ranges::any_of(unread_beginnings, begins_with));
  passing_over_ = container_gone_ || unread_;
  content(std::exchange(judged_, {}), pieces);
}

/// What was given ends with the anchor and perhaps some bytes after it.
void LogLines::look_for_anchor(std::vector<LogPiece>& pieces) {
  if (*line_ns_ < anchor_->unix_ns || (*line_ns_ == anchor_->unix_ns && met_ < anchor_->lines)) {
    passing_over_ = true;
    if (*line_ns_ < anchor_->unix_ns || ++met_ < anchor_->lines) return;
  } else if (anchor_->lines > 0) {  // it is not there any more, and how much came after it nobody knows
    give(std::string(at_line_start_ ? "" : "\n") + rotated_words, pieces);
    place_ = LogPlace{given_, *line_ns_ - 1, 0};
  }
  skip_ = given_ - place_->offset;
  anchor_.reset();
}

void LogLines::content(std::string_view bytes, std::vector<LogPiece>& pieces) {
  if (judging_) return judge(bytes, pieces);
  if (unread_ && !line_ns_) unread_words_.append(bytes.substr(0, unread_words_bytes_max - unread_words_.size()));
  if (passing_over_) return;
  const auto known = static_cast<size_t>(std::min<uint64_t>(skip_, bytes.size()));
  skip_ -= known;
  bytes.remove_prefix(known);
  if (!bytes.empty()) give(bytes, pieces);
}

void LogLines::end_line() {
  in_line_ = false;
  if (std::exchange(passing_over_, false) || !line_ns_ || anchor_) return;
  // Lines of two streams may come a moment out of order: the place stays with the latest.
  if (place_ && *line_ns_ < place_->unix_ns) return;
  const bool same_time = place_ && place_->unix_ns == *line_ns_;
  place_ = LogPlace{given_ - skip_, *line_ns_, same_time ? place_->lines + 1 : 1};
}

void LogLines::give(std::string_view bytes, std::vector<LogPiece>& pieces) {
  given_ += bytes.size();
  at_line_start_ = bytes.back() == '\n';
  const auto ms = line_ns_ ? std::optional(*line_ns_ / 1'000'000) : std::nullopt;
  while (!bytes.empty()) {
    const bool goes_on = !pieces.empty() && pieces.back().bytes.size() < piece_bytes_max &&
                         (!ms || (pieces.back().unix_ms && *ms - *pieces.back().unix_ms < time_step_ms));
    if (!goes_on) pieces.push_back({ms, {}});
    auto& piece = pieces.back().bytes;
    const auto part = bytes.substr(0, piece_bytes_max - piece.size());
    piece.append(part);
    bytes.remove_prefix(part.size());
  }
}

}  // namespace operon::runner_pod

/// log_lines.hpp: a container's log as the API server sends it with timestamps, without them; and where to go on in another stream of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace operon::runner_pod {

/// A place in a log at the end of a line, to be found again in a stream from `unix_ns` on.
struct LogPlace {
  uint64_t offset = 0;  ///< bytes given up to here
  int64_t unix_ns = 0;  ///< of the last line
  unsigned lines = 0;   ///< given lines of that very time
};

struct LogPiece {
  std::optional<int64_t> unix_ms;  ///< when its first line was written
  std::string bytes;
};

/// What one reader is given, over however many streams. Not thread-safe.
class LogLines {
 public:
  static constexpr std::string_view gone_words = "rpc error: code = NotFound desc = ";  ///< the container runtime's
  static constexpr const char* rotated_words = "ERROR: lines are missing here: the node has rotated this log\n";

  /// From `offset` on. `known`: a place at or before it, from an earlier reading.
  LogLines(uint64_t offset, std::optional<LogPlace> known);

  /// A new stream begins; it starts at since(), or at the log's first line when that is empty.
  void begin_stream();
  std::string since() const;
  /// Appends what is new in these bytes.
  void feed(std::string_view bytes, std::vector<LogPiece>& pieces);

  /// The stream has come to what had been given before it.
  bool caught_up() const { return !anchor_ && skip_ == 0; }
  /// The stream said, where a line would be, that the container is not there any more: older kubelets do when it goes while they read.
  bool container_gone() const { return container_gone_; }
  /// The stream said instead of a line why the node could not read the log, or not on: the container is being removed, its files are gone,
  /// its runtime is out of order, ... A kubelet says so in an answer that is otherwise fine.
  bool unread() const { return unread_; }
  /// What it said, cut after 512 bytes.
  const std::string& unread_words() const { return unread_words_; }
  uint64_t offset() const { return given_; }
  /// The last place that can be found again; none before the first whole line.
  const std::optional<LogPlace>& place() const { return place_; }

 private:
  void begin_line(std::vector<LogPiece>& pieces);
  void look_for_anchor(std::vector<LogPiece>& pieces);
  void content(std::string_view bytes, std::vector<LogPiece>& pieces);
  void judge(std::string_view bytes, std::vector<LogPiece>& pieces);
  void end_line();
  void give(std::string_view bytes, std::vector<LogPiece>& pieces);

  uint64_t given_;  ///< offset of what comes next
  std::optional<LogPlace> place_;
  bool at_line_start_ = true;  ///< of what was given
  // Of the stream:
  std::optional<LogPlace> anchor_;  ///< looked for: what comes up to it has been given
  unsigned met_ = 0;                ///< lines of the anchor's time so far
  uint64_t skip_ = 0;               ///< bytes that have been given, too
  std::string prefix_;              ///< the line's timestamp, while it comes
  std::string judged_;              ///< the beginning of a line without a timestamp, until it is known what it is
  std::string unread_words_;
  bool in_line_ = false, passing_over_ = false, judging_ = false, container_gone_ = false, unread_ = false;
  std::optional<int64_t> line_ns_;
};

}  // namespace operon::runner_pod

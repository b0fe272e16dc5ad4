#include "core/kube/line_splitter.hpp"

namespace operon::kube {

bool LineSplitter::feed(std::string_view chunk, const std::function<bool(std::string_view)>& line) {
  while (!chunk.empty()) {
    const size_t end = chunk.find('\n');
    const auto piece = chunk.substr(0, end);
    if (rest_.size() + piece.size() > line_bytes_max_) {
      rest_.clear();
      return false;
    }
    // Always by way of our own buffer: the chunk's may end with the line, and parsers read a bit further.
    if (rest_.capacity() < rest_.size() + piece.size() + padding) rest_.reserve(2 * (rest_.size() + piece.size()) + padding);
    rest_.append(piece);
    if (end == std::string_view::npos) return true;
    chunk.remove_prefix(end + 1);
    const bool on = rest_.empty() || line(rest_);
    rest_.clear();
    if (!on) return false;
  }
  // One huge line must not keep its room for ever.
  if (rest_.empty() && rest_.capacity() > (64u << 10)) rest_.shrink_to_fit();
  return true;
}

}  // namespace operon::kube

/// core/kube/line_splitter.hpp: lines out of chunks that end anywhere.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace operon::kube {

/// Keeps half a line until its rest comes, at most `line_bytes_max`.
class LineSplitter {
 public:
  static constexpr size_t padding = 64;  ///< this many bytes past a line may be read

  explicit LineSplitter(size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}
  /// Calls `line` for each whole line, without its end; empty ones are left out. `line` returns false to end early. False: a line grew past
  /// the limit, or `line` ended it; what came is forgotten.
  bool feed(std::string_view chunk, const std::function<bool(std::string_view)>& line);
  bool half() const { return !rest_.empty(); }

 private:
  size_t line_bytes_max_;
  std::string rest_;
};

}  // namespace operon::kube

/// core/kube/answer.hpp: what a write was answered with.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace operon::kube {

/// The object as the server has it after a write, as text. Most who write have no use for it, or only for its version (the watch may have
/// told of it before): it is parsed when it is asked for.
class Answer {
 public:
  /// `what` was done, for the words of errors.
  Answer(std::string text, std::string what);
  /// Moved only: a copy would lose the bytes behind the text.
  Answer(Answer&&) = default;
  Answer& operator=(Answer&&) = default;

  /// Without metadata.managedFields. Throws Error(data_loss) for what is no JSON.
  nlohmann::json parse() const;
  /// metadata.resourceVersion as a number; 0 when it has none.
  uint64_t version() const;
  /// Whole; followed by Response::body_padding readable bytes.
  std::string_view text() const { return text_; }

 private:
  std::string text_, what_;
};

}  // namespace operon::kube

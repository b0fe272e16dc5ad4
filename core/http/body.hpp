/// core/http/body.hpp: a request body as it arrives, by length or in chunks, read strictly (RFC 9112 sections 6 and 7).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/head.hpp"

namespace operon::http {

/// Takes bytes in any pieces. Keeps what it decodes, or only counts it.
class BodyReader {
 public:
  enum class Result { more, done, refused };

  BodyReader() = default;
  /// `bytes_max` counts decoded bytes: past it the body is refused with 413. `keep` false: bytes are counted and dropped.
  BodyReader(const RequestHead&, size_t bytes_max, bool keep);

  /// Takes from the front of `input` what belongs to the body, and removes it from there.
  Result feed(std::string_view& input, Refusal&);
  bool done() const noexcept { return state_ == State::done; }
  size_t received() const noexcept { return received_; }
  std::string& text() noexcept { return text_; }

 private:
  enum class State { length, chunk_size, chunk_extension, chunk_size_lf, chunk_data, chunk_data_cr, chunk_data_lf, trailer, done };
  Result feed_chunked(std::string_view& input, Refusal&);
  bool step_size(char c, Refusal&);
  bool step_trailer(char c, Refusal&);
  void take(std::string_view& input);

  State state_ = State::done;
  bool keep_ = true, chunked_ = false;
  uint64_t remaining_ = 0;  ///< of the body or of this chunk
  size_t bytes_max_ = 0, received_ = 0;
  unsigned digits_ = 0, extension_bytes_ = 0, trailer_bytes_ = 0, line_bytes_ = 0;
  char previous_ = 0;
  std::string text_;
};

}  // namespace operon::http

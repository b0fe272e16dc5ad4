#include "core/http/body.hpp"

#include <algorithm>

namespace operon::http {

namespace {

constexpr unsigned extension_bytes_max = 256;  // of all chunks of a body together: nobody needs them
constexpr unsigned trailer_bytes_max = 4096;
constexpr unsigned size_digits_max = 8;

constexpr Refusal too_large{413, "the request body is larger than this route takes"};
constexpr Refusal bad_chunk{400, "the chunked request body is malformed"};

}  // namespace

BodyReader::BodyReader(const RequestHead& head, size_t bytes_max, bool keep)
    : keep_(keep), chunked_(head.chunked()), bytes_max_(bytes_max) {
  if (chunked_) {
    state_ = State::chunk_size;
  } else if (head.content_length() > 0) {
    state_ = State::length;
    remaining_ = head.content_length();
  }
}

void BodyReader::take(std::string_view& input) {
  const size_t n = static_cast<size_t>(std::min<uint64_t>(remaining_, input.size()));
  if (keep_) text_.append(input.substr(0, n));
  received_ += n;
  remaining_ -= n;
  input.remove_prefix(n);
}

BodyReader::Result BodyReader::feed(std::string_view& input, Refusal& refusal) {
  if (state_ == State::done) return Result::done;
  if (chunked_) return feed_chunked(input, refusal);
  if (remaining_ + received_ > bytes_max_) {
    refusal = too_large;
    return Result::refused;
  }
  take(input);
  if (remaining_ > 0) return Result::more;
  state_ = State::done;
  return Result::done;
}

bool BodyReader::step_size(char c, Refusal& refusal) {
  if (c == '\r' && digits_ > 0) {
    state_ = State::chunk_size_lf;
    return true;
  }
  if (c == ';' && digits_ > 0) {
    state_ = State::chunk_extension;
    return true;
  }
  const int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  if (v < 0 || ++digits_ > size_digits_max) {
    refusal = bad_chunk;
    return false;
  }
  remaining_ = remaining_ * 16 + static_cast<uint64_t>(v);
  return true;
}

/// Trailers are read over: nothing that we serve uses them. They must be lines, and end.
bool BodyReader::step_trailer(char c, Refusal& refusal) {
  const bool control = static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r' && c != '\n';
  const bool lone = (c == '\n') != (previous_ == '\r');
  previous_ = c;
  if (++trailer_bytes_ > trailer_bytes_max || control || lone) {
    refusal = bad_chunk;
    return false;
  }
  if (c == '\n') {
    if (line_bytes_ == 0) state_ = State::done;
    line_bytes_ = 0;
  } else if (c != '\r') {
    ++line_bytes_;
  }
  return true;
}

BodyReader::Result BodyReader::feed_chunked(std::string_view& input, Refusal& refusal) {
  while (!input.empty()) {
    if (state_ == State::chunk_data) {
      take(input);
      if (remaining_ == 0) state_ = State::chunk_data_cr;
      continue;
    }
    const char c = input.front();
    input.remove_prefix(1);
    bool good = true;
    switch (state_) {
      case State::chunk_size:
        good = step_size(c, refusal);
        break;
      case State::chunk_extension:
        if (c == '\r') {
          state_ = State::chunk_size_lf;
        } else {
          good = static_cast<unsigned char>(c) >= 0x20 && ++extension_bytes_ <= extension_bytes_max;
        }
        break;
      case State::chunk_size_lf:
        good = c == '\n';
        if (good && received_ + remaining_ > bytes_max_) {
          refusal = too_large;
          return Result::refused;
        }
        state_ = remaining_ == 0 ? State::trailer : State::chunk_data;
        digits_ = 0;
        break;
      case State::chunk_data_cr:
        good = c == '\r';
        state_ = State::chunk_data_lf;
        break;
      case State::chunk_data_lf:
        good = c == '\n';
        state_ = State::chunk_size;
        break;
      case State::trailer:
        good = step_trailer(c, refusal);
        if (good && state_ == State::done) return Result::done;
        break;
      default:
        good = false;
        break;
    }
    if (!good) {
      refusal = bad_chunk;
      return Result::refused;
    }
  }
  return Result::more;
}

}  // namespace operon::http

#include "core/control/image_reference.hpp"

#include <algorithm>

#include "operon/error.hpp"

namespace operon::control {

namespace {

constexpr size_t tag_bytes_max = 128;
constexpr size_t digest_digits_min = 32;

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Code::failed_precondition, "is no container image reference: " + why);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

/// The part before the first slash is a host when it can be nothing else; runtimes take it for one then.
bool is_host(std::string_view part) {
  return part == "localhost" || part.find_first_of(".:") != std::string_view::npos ||
         std::any_of(part.begin(), part.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// Lower-case letters and digits, and between them ".", "_", "__" or any number of "-".
void check_part(std::string_view part) {
  const auto alnum = [](char c) { return is_lower(c) || is_digit(c); };
  if (part.empty() || !alnum(part.front()) || !alnum(part.back()))
    refuse("each part of its name begins and ends with a lower-case letter or digit");
  for (size_t i = 0; i < part.size(); ++i) {
    const size_t begin = i;
    while (!alnum(part[i])) ++i;
    const auto separator = part.substr(begin, i - begin);
    if (separator.empty() || separator == "." || separator == "_" || separator == "__") continue;
    if (separator.find_first_not_of('-') != std::string_view::npos)
      refuse("its name holds something else than lower-case letters and digits with '.', '_', '__' or '-' between them");
  }
}

void check_host(std::string_view host) {
  if (host.empty()) refuse("the registry's host is missing");
  for (const char c : host) {
    if (!is_lower(c) && !is_digit(c) && std::string_view(".-:[]").find(c) == std::string_view::npos) refuse("the registry's host is none");
  }
}

/// Docker Hub's own repositories are written without their first part.
std::string in_full(const std::string& host, std::string_view repository) {
  const bool is_short = host == "docker.io" && repository.find('/') == std::string_view::npos;
  return (is_short ? "library/" : "") + std::string(repository);
}

}  // namespace

bool is_digest(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto digits = text.substr(colon + 1);
  return std::all_of(text.begin(), text.begin() + static_cast<long>(colon), [](char c) { return is_lower(c) || is_digit(c); }) &&
         digits.size() >= digest_digits_min &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

ImageReference parse_image_reference(std::string_view text) {
  ImageReference image;
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    image.digest = text.substr(at + 1);
    if (!is_digest(image.digest)) refuse("what follows '@' is no digest");
    text = text.substr(0, at);
  }
  const auto slash = text.rfind('/');
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    image.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
    if (image.tag.empty() || image.tag.size() > tag_bytes_max || !is_word(image.tag.front()) ||
        !std::all_of(image.tag.begin(), image.tag.end(), [](char c) { return is_word(c) || c == '.' || c == '-'; }))
      refuse("its tag is none");
  }
  image.written = text;
  if (const auto first = text.find('/'); first != std::string_view::npos && is_host(text.substr(0, first))) {
    image.host = lower(text.substr(0, first));
    text = text.substr(first + 1);
  } else {
    image.host = "docker.io";
  }
  check_host(image.host);
  if (image.host == "index.docker.io") image.host = "docker.io";
  image.repository = in_full(image.host, text);
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('/', begin), text.size());
    check_part(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return image;
}

ImageReference repository_of(std::string_view host, std::string_view repository) {
  ImageReference image;
  image.host = lower(host);
  if (image.host == "index.docker.io") image.host = "docker.io";
  image.repository = in_full(image.host, repository);
  return image;
}

bool is_within(const ImageReference& image, std::string_view place) {
  while (!place.empty() && place.back() == '/') place.remove_suffix(1);
  const auto slash = place.find('/');
  if (lower(place.substr(0, slash)) != image.host) return false;
  if (slash == std::string_view::npos) return true;
  const auto path = place.substr(slash + 1);
  return image.repository.starts_with(path) && (image.repository.size() == path.size() || image.repository[path.size()] == '/');
}

}  // namespace operon::control

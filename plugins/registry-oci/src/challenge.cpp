#include "challenge.hpp"

#include <algorithm>

namespace registry_oci {
namespace {

std::string lower(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return made;
}

bool of_a_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// Walks over the header's text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  void skip(std::string_view characters) {
    while (!rest_.empty() && characters.find(rest_.front()) != std::string_view::npos) rest_.remove_prefix(1);
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string token() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), of_a_token);
    std::string made(rest_.begin(), end);
    rest_.remove_prefix(made.size());
    return made;
  }
  std::string value() {
    if (!take('"')) return token();
    std::string made;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      made += rest_.front();
      rest_.remove_prefix(1);
    }
    take('"');
    return made;
  }
  void skip_one() {
    if (!rest_.empty()) rest_.remove_prefix(1);
  }

 private:
  std::string_view rest_;
};

}  // namespace

std::vector<Challenge> read_challenges(std::string_view header) {
  std::vector<Challenge> challenges;
  Reader reader(header);
  for (reader.skip(" \t,"); !reader.done(); reader.skip(" \t,")) {
    const std::string word = reader.token();
    if (word.empty()) {
      reader.skip_one();
      continue;
    }
    reader.skip(" \t");
    if (reader.take('=')) {
      reader.skip(" \t");
      std::string value = reader.value();
      if (!challenges.empty()) challenges.back().parameters.emplace(lower(word), std::move(value));
    } else {
      challenges.push_back({lower(word), {}});
    }
  }
  return challenges;
}

}  // namespace registry_oci

#include "core/config/set_expression.hpp"

#include <charconv>

#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::config {
namespace {

class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  std::vector<Assignment> all() {
    std::vector<Assignment> assignments;
    while (true) {
      assignments.push_back(one());
      if (at_ == text_.size()) return assignments;
      ++at_;  // the comma
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Code::invalid_argument,
                where_ + ": \"" + base::printable(text_) + "\": " + what + "; write KEY=VALUE, as in log.level=debug");
  }
  bool more() const { return at_ < text_.size(); }

  /// Up to one of `ends`, which is left in place; backslashes are taken out.
  std::string word(std::string_view ends) {
    std::string out;
    while (more() && ends.find(text_[at_]) == std::string_view::npos) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_++];
    }
    return out;
  }

  Assignment one() {
    Assignment assignment;
    assignment.path = path();
    ++at_;  // the equals sign
    assignment.value = value();
    return assignment;
  }

  Path path() {
    Path steps;
    while (true) {
      auto name = word(".[=,");
      if (name.empty()) fail("a key is missing");
      steps.push_back({std::move(name), -1});
      while (more() && text_[at_] == '[') steps.push_back(index());
      if (!more() || text_[at_] == ',') fail("\"=\" is missing");
      if (text_[at_] == '=') return steps;
      if (text_[at_] != '.') fail("after an index stands a dot, another index or \"=\"");
      ++at_;
    }
  }

  PathStep index() {
    const auto close = text_.find(']', at_);
    const auto digits = text_.substr(at_ + 1, close == std::string_view::npos ? 0 : close - at_ - 1);
    PathStep step;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), step.index);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || step.index < 0)
      fail("an index is a number in brackets");
    at_ = close + 1;
    return step;
  }

  Tree value() {
    if (more() && text_[at_] == '{') return list();
    return scalar(word(","));
  }

  Tree list() {
    ++at_;
    auto tree = Tree::list(where_);
    if (more() && text_[at_] == '}') {
      ++at_;
    } else {
      while (true) {
        tree.items.push_back(scalar(word(",}")));
        if (!more()) fail("\"}\" is missing");
        if (text_[at_++] == '}') break;
      }
    }
    if (more() && text_[at_] != ',') fail("after a list stands a comma or nothing");
    return tree;
  }

  Tree scalar(std::string text) const {
    if (text == "null") {
      Tree none;
      none.where = where_;
      return none;
    }
    // An empty value is an empty text, as in helm; only the word null removes.
    const bool quoted = text.empty();
    return Tree::scalar(std::move(text), where_, quoted);
  }

  std::string_view text_;
  const std::string& where_;
  size_t at_ = 0;
};

}  // namespace

std::vector<Assignment> parse_set(std::string_view expression, const std::string& where) {
  return Parser(expression, where).all();
}

}  // namespace operon::config

#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>

#include "builder.hpp"
#include "operon/error.hpp"
#include "prescan.hpp"

namespace operon::yaml {
namespace {

/// The parser's words without what it appends of the text (an anchor's name may be a mistyped secret).
std::string words_of(const YAML::Exception& e) {
  return e.msg.substr(0, e.msg.find(": "));
}

void handle(std::string_view text, Document& document, const Limits& limits, Scalars scalars) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  detail::Builder builder(document, limits, scalars);
  if (!parser.HandleNextDocument(builder)) return;
  Document second;
  second.name = document.name;
  detail::Builder rest(second, limits, scalars);
  if (parser.HandleNextDocument(rest)) throw Error(Code::invalid_argument, document.name + ": more than one document; only one is read");
}

}  // namespace

std::string pointer_step(std::string_view key) {
  std::string step = "/";
  for (char c : key) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

Position Document::position(std::string pointer) const {
  for (;;) {
    if (auto found = positions.find(pointer); found != positions.end()) return found->second;
    size_t slash = pointer.rfind('/');
    if (slash == std::string::npos) return {};
    pointer.resize(slash);
  }
}

std::string Document::where(const std::string& pointer) const {
  return name + ":" + std::to_string(position(pointer).line);
}

Document load(std::string_view text, const std::string& name, const Limits& limits, Scalars scalars) {
  if (text.size() > limits.bytes_max) {
    throw Error(Code::invalid_argument,
                name + ": " + std::to_string(text.size()) + " bytes are more than the limit of " + std::to_string(limits.bytes_max));
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  detail::prescan(text, name);
  Document document;
  document.name = name;
  try {
    handle(text, document, limits, scalars);
  } catch (const YAML::Exception& e) {
    std::string line = e.mark.line >= 0 ? ":" + std::to_string(e.mark.line + 1) : "";
    throw Error(Code::invalid_argument, name + line + ": not YAML: " + words_of(e));
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    throw Error(Code::invalid_argument, name + ": not YAML: the parser gave up");  // its own words may quote the text
  }
  return document;
}

}  // namespace operon::yaml

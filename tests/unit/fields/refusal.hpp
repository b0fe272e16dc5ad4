/// refusal.hpp: the words with which something is refused.
#pragma once

#include <functional>
#include <string>

#include "operon/error.hpp"

namespace operon::fields {

/// The error's text, with its field in front when `with_field`; "accepted" when there is none.
inline std::string refusal(const std::function<void()>& action, bool with_field = false) {
  try {
    action();
  } catch (const Error& e) {
    return with_field ? "[" + e.field() + "] " + e.what() : std::string(e.what());
  }
  return "accepted";
}

}  // namespace operon::fields

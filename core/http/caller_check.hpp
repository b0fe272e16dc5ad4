/// core/http/caller_check.hpp: who sent a request, and may they use its route?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/http/message.hpp"

namespace operon::http {

/// What is found out about one caller and one role.
struct Admission {
  enum class Answer { allowed, unknown, forbidden, unavailable };  // unavailable: nobody can tell at present
  Answer answer = Answer::unknown;
  Caller caller{};        ///< who it is, when allowed or forbidden
  std::string message{};  ///< why not; empty = what is usually said
};

/// Thread-safe.
class CallerCheck {
 public:
  virtual ~CallerCheck() = default;
  /// From memory, well under 1 ms: called on a reactor's thread. Absent: review() has to be asked.
  virtual std::optional<Admission> known(std::string_view authorization_header, Role) = 0;
  /// May wait for somebody else's answer, within a bound of its own. Called on a thread that does nothing else.
  virtual Admission review(std::string_view authorization_header, Role) = 0;
};

}  // namespace operon::http

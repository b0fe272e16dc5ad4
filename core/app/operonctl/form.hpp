/// core/app/operonctl/form.hpp: a scenario's fields as questions on the terminal.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operon/fields/field.hpp"

namespace operon::ctl {

/// What a field's value is called and may be, for people: "WORD (string): Which word", then a line each for what it must be and its
/// default.
std::string question_of(const fields::Field&);

/// What is wrong with an answer to the field; empty when nothing is. An empty answer is the default, and wrong where there is none.
/// `read_file` reads what a file field's answer names and throws Error when it cannot.
std::string trouble_with(const fields::Field&, const std::string& answer, const std::function<std::string(const std::string&)>& read_file);

/// One answer, asked for again with the reason until it fits. None: the default is to be taken.
std::optional<std::string> ask_field(const fields::Field&, const std::function<std::string(const std::string&)>& read_file);

}  // namespace operon::ctl

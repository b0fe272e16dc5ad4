/// core/config/set_expression.hpp: --set, as helm's: "a.b=1,list[0].x=text,dotted\.name=true,gone=null,list={a,b}".
#pragma once

#include <string_view>
#include <vector>

#include "core/config/tree.hpp"

namespace operon::config {

struct Assignment {
  Path path;
  Tree value;  ///< null: remove
};

/// A backslash takes the next character as it is. Values are typed as YAML's; {a,b} is a list. Throws Error(invalid_argument) quoting the
/// expression and saying what is missing. `where` stands in every value.
std::vector<Assignment> parse_set(std::string_view expression, const std::string& where);

}  // namespace operon::config

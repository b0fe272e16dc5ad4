/// core/kube/json.hpp: JSON that an API server wrote.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "core/base/json.hpp"

namespace operon::kube {

enum class ManagedFields { keep, leave_out };

/// As base::parse_json, rules and errors alike, at a third of its cost: for text that is right but for mishaps. An object's
/// metadata.managedFields, often the longer half of it, can be left out. Half of a surrogate pair (\ud800 alone) is no character, and the
/// text with it is refused: API servers write U+FFFD for one, so it comes from somebody else, and text that is no UTF-8 goes no further.
nlohmann::json parse_answer(std::string_view text, const base::JsonLimits&, ManagedFields = ManagedFields::keep);
/// The same with the limits of a single answer; throws Error(data_loss) that begins with `what` was asked.
nlohmann::json read_answer(std::string_view what, std::string_view text, ManagedFields);

}  // namespace operon::kube

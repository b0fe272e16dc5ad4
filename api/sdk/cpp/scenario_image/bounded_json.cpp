#include "operon/scenario_image/bounded_json.hpp"

#include <nlohmann/json.hpp>

namespace operon::scenario_image {

using nlohmann::json;

json parse_bounded(std::string_view text, unsigned depth_max, const std::string& what, Code code) {
  bool too_deep = false;
  json value = json::parse(
      text,
      [&](int depth, json::parse_event_t, json&) {
        too_deep = too_deep || depth > static_cast<int>(depth_max);
        return !too_deep;
      },
      false);
  if (too_deep) throw Error(code, what + " is nested deeper than " + std::to_string(depth_max));
  if (value.is_discarded()) throw Error(code, what + " is not JSON");
  return value;
}

}  // namespace operon::scenario_image

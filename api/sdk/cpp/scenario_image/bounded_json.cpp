#include "operon/scenario_image/bounded_json.hpp"

#include <nlohmann/json.hpp>

namespace operon::scenario_image {

using nlohmann::json;

json parse_bounded(std::string_view text, unsigned depth_max, const std::string& what, Code code) {
  bool too_deep = false;
  size_t values = 0;
  json value = json::parse(
      text,
      [&](int depth, json::parse_event_t event, json&) {
        too_deep = too_deep || depth > static_cast<int>(depth_max);
        using Event = json::parse_event_t;
        if (event == Event::value || event == Event::object_start || event == Event::array_start) ++values;
        return !too_deep && values <= json_values_max;  // what is refused here takes no memory
      },
      false);
  if (values > json_values_max) throw Error(code, what + " has more than " + std::to_string(json_values_max) + " values (json_values_max)");
  if (too_deep) throw Error(code, what + " is nested deeper than " + std::to_string(depth_max));
  if (value.is_discarded()) throw Error(code, what + " is not JSON");
  return value;
}

}  // namespace operon::scenario_image

// Layer commands, a line each, and what their labels say of a scenario; a label of JSON alone is tried as the fields, too.
#include "operon/scenario_image/labels.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "operon/error.hpp"
#include "operon/fields/validate.hpp"

namespace {

void read(const operon::scenario_image::Labels& labels) {
  try {
    const auto scenario = operon::scenario_image::read_labels(labels);
    if (scenario.texts) operon::fields::validate(scenario.texts->fields, {});
  } catch (const operon::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  operon::scenario_image::Labels labels;
  for (auto rest = text; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    try {
      operon::scenario_image::add_labels_of_command(line, labels);
    } catch (const operon::Error&) {
    }
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  read(labels);
  read({{"krknctl.title", "t"}, {"krknctl.input_fields", std::string(text)}});
  return 0;
}

// A scenario file of registry-dir, and a user's values against its fields.
#include <cstdint>
#include <string_view>

#include "operon/error.hpp"
#include "operon/fields/validate.hpp"
#include "scenario_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto scenario = registry_dir::parse_scenario({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
    operon::fields::Input input;
    for (const auto& field : scenario.texts.fields) {
      if (field.variable) input.environment[*field.variable] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1";
    }
    operon::fields::validate(scenario.texts.fields, input);
  } catch (const operon::Error&) {
  }
  return 0;
}

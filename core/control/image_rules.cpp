#include "core/control/image_rules.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/control/choose.hpp"
#include "core/control/image_reference.hpp"
#include "operon/error.hpp"

namespace operon::control {

namespace {

/// Of the request's image, or saying so.
ImageReference image_of(const RunRequest& r) {
  try {
    return parse_image_reference(r.scenario_image);
  } catch (const Error& e) {
    throw Error(e.code(), "scenarioImage '" + base::printable(r.scenario_image) + "' " + e.what()).with_field("scenarioImage");
  }
}

}  // namespace

void require_allowed(const ImageRules& rules, const RunRequest& r) {
  if (rules.allowed_registries.empty() || reference_kind(r.scenario_image) != "image") return;
  const auto image = image_of(r);
  std::string listed;
  for (const auto& place : rules.allowed_registries) {
    if (is_within(image, place)) return;
    listed += (listed.empty() ? "" : ", ") + place;
  }
  throw Error(Code::failed_precondition, "scenarioImage '" + base::printable(r.scenario_image) +
                                             "' is of no registry that this host may run images of; scenarios.allowed_registries lists " +
                                             listed)
      .with_field("scenarioImage");
}

std::string image_to_run(const ImageRules& rules, const RunRequest& r, const ScenarioFacts& facts) {
  if (!r.scenario_digest.empty() && facts.digest != r.scenario_digest) {
    const std::string now = !facts.known           ? facts.why_unknown
                            : facts.digest.empty() ? "registry '" + facts.registry + "' tells no digest"
                                                   : "registry '" + facts.registry + "' has " + base::printable(facts.digest) + " now";
    throw Error(Code::failed_precondition, "scenarioImage '" + base::printable(r.scenario_image) + "' was shown with scenarioDigest " +
                                               base::printable(r.scenario_digest) + ", and " + now + ": look at the scenario again")
        .with_field("scenarioDigest");
  }
  const bool pin = rules.pin_digests || !r.scenario_digest.empty();
  if (!pin || facts.digest.empty() || reference_kind(r.scenario_image) != "image") return r.scenario_image;
  const auto image = image_of(r);
  if (!image.digest.empty()) return r.scenario_image;
  if (!is_digest(facts.digest))
    throw Error(Code::unavailable, "registry '" + facts.registry + "' answered a digest that is none: " + base::printable(facts.digest));
  return image.written + "@" + facts.digest;
}

}  // namespace operon::control

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

[[noreturn]] void refuse(const ImageRules& rules, const char* field, const std::string& what) {
  std::string listed;
  for (const auto& place : rules.allowed_registries) listed += (listed.empty() ? "" : ", ") + place;
  throw Error(Code::failed_precondition, what + "; scenarios.allowed_registries lists " + listed).with_field(field);
}

bool is_allowed(const ImageRules& rules, const ImageReference& image) {
  return std::any_of(rules.allowed_registries.begin(), rules.allowed_registries.end(),
                     [&](const auto& place) { return is_within(image, place); });
}

}  // namespace

void require_allowed(const ImageRules& rules, const RunRequest& r) {
  if (rules.allowed_registries.empty() || reference_kind(r.scenario_image) != "image") return;
  if (is_allowed(rules, image_of(r))) return;
  refuse(rules, "scenarioImage",
         "scenarioImage '" + base::printable(r.scenario_image) + "' is of no registry that this host may run images of");
}

void require_allowed(const ImageRules& rules, const kinds::scenario_registry::AdhocRegistry& own) {
  if (rules.allowed_registries.empty() || is_allowed(rules, repository_of(own.registry_url, own.repository))) return;
  refuse(rules, "registryUrl",
         "registryUrl '" + base::printable(own.registry_url) + "' with scenarioRepository '" + base::printable(own.repository) +
             "' is no registry that this host may ask");
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
  if (reference_kind(r.scenario_image) != "image") return r.scenario_image;
  const bool pin = rules.pin_digests || !r.scenario_digest.empty();
  if (!pin && rules.allowed_registries.empty()) return r.scenario_image;
  const auto image = image_of(r);
  const std::string name = image.host + "/" + image.repository, tag = image.tag.empty() ? "" : ":" + image.tag;
  if (!image.digest.empty()) return name + tag + "@" + image.digest;
  if (!pin) return name + tag;
  if (!facts.unanswered.empty())
    throw Error(Code::unavailable, "scenarioImage '" + base::printable(r.scenario_image) +
                                       "' cannot be pinned to its digest, as scenarios.pin_digests wants: no answer from registry " +
                                       facts.unanswered + "; try again when it answers, or name the image by its digest")
        .with_field("scenarioImage");
  if (facts.digest.empty()) return name + tag;
  if (!is_digest(facts.digest))
    throw Error(Code::unavailable, "registry '" + facts.registry + "' answered a digest that is none: " + base::printable(facts.digest));
  return name + "@" + facts.digest;
}

std::string why_not_pinned(const ImageRules& rules, const RunRequest& r, const ScenarioFacts& facts) {
  if (!rules.pin_digests || !facts.digest.empty() || reference_kind(r.scenario_image) != "image" || !image_of(r).digest.empty()) return {};
  return facts.known ? "registry '" + facts.registry + "' tells no digest" : "no registry knows it";
}

}  // namespace operon::control

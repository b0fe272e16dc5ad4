/// core/control/image_rules.hpp: which images may run, and by which digest.
#pragma once

#include <string>
#include <vector>

#include "core/control/run_request.hpp"
#include "core/control/scenario_facts.hpp"

namespace operon::control {

/// The configuration's `scenarios:`.
struct ImageRules {
  std::vector<std::string> allowed_registries;  ///< "quay.io", "quay.io/krkn-chaos"; empty = all
  bool pin_digests = false;                     ///< run an image by the digest that its registry tells
};

/// Throws Error(failed_precondition) for a container image of no registry that is allowed. Other references (dir://NAME) are of registries
/// that the host's configuration names anyway.
void require_allowed(const ImageRules&, const RunRequest&);

/// Throws Error(failed_precondition) for a registry of the request's own that is not among those that are allowed: the host asks nobody
/// else either.
void require_allowed(const ImageRules&, const kinds::scenario_registry::AdhocRegistry&);

/// The reference that runs: by digest where the rules or the request want it so, and by the image's full name where a list or a pin is in
/// force: runtimes differ about which registry a short name means. Throws Error: FAILED_PRECONDITION when the request names the digest that
/// was shown, and the registry tells another one or none; UNAVAILABLE when a pin is wanted and a registry that might tell the digest did
/// not answer.
std::string image_to_run(const ImageRules&, const RunRequest&, const ScenarioFacts&);

/// Why an image is not run by its digest though `pin_digests` says so; empty when it is, or needs none.
std::string why_not_pinned(const ImageRules&, const RunRequest&, const ScenarioFacts&);

}  // namespace operon::control

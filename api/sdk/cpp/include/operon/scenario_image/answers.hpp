/// operon/scenario_image/answers.hpp: a catalogue's entries as a scenario registry answers them.
#pragma once

#include <string>

#include "operon/kinds/scenario_registry.hpp"
#include "operon/scenario_image/catalogue.hpp"

namespace operon::scenario_image {

inline constexpr size_t list_text_bytes_max = 4096;  ///< of a title or description in a list; longer ones are left out there

/// `repository` is what a reference begins with: "quay.io/krkn-chaos/krkn-hub".
kinds::scenario_registry::Summary summary_of(const std::string& repository, const CatalogueEntry&);

/// Throws Error(not_found) for an image that is no scenario, or has no globals; data_loss for labels that make no sense.
kinds::scenario_registry::Scenario scenario_of(const std::string& repository, const CatalogueEntry&, bool globals);

/// The tag or digest that a request means. Throws Error(not_found) for the reference of another repository.
std::string name_of(const std::string& repository, const kinds::scenario_registry::ScenarioRequest&);

}  // namespace operon::scenario_image

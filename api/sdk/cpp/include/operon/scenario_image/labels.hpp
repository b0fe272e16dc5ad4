/// operon/scenario_image/labels.hpp: what an image's labels (krknctl.title and so on) say of a scenario. Links with operon_scenario_image.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operon/fields/field.hpp"

namespace operon::scenario_image {

inline constexpr size_t label_bytes_max = 1u << 20;    ///< of one label; a larger one is an error
inline constexpr size_t command_bytes_max = 4u << 20;  ///< of a layer; a longer one is an error
inline constexpr unsigned label_depth_max = 16;        ///< of JSON in a label

using Labels = std::map<std::string, std::string, std::less<>>;

/// Adds the `krknctl.` labels that a layer's command sets and `labels` has not got: `LABEL a=b c="d"` as BuildKit writes it, or with
/// `/bin/sh -c #(nop) ` before it. A command that is no LABEL sets none. Throws Error(data_loss) for a label that is too large.
void add_labels_of_command(std::string_view command, Labels& labels);

/// Title, description and fields of a scenario, or of its base image.
struct Texts {
  std::string title, description;
  std::vector<fields::Field> fields;
};

/// Whether read_labels looks at it: others need not be kept.
bool is_read(std::string_view label);

/// What the labels say. `texts` absent: title or fields are missing, this is no scenario.
struct ScenarioLabels {
  std::optional<Texts> texts, globals;
  std::string globals_failure;      ///< why the base's labels make no sense, naming the one; the scenario's own are none the worse for it
  std::optional<bool> is_scenario;  ///< absent: an image older than that label
  bool has_rollback = false;

  /// Belongs in a list of scenarios.
  bool listed() const { return texts && is_scenario.value_or(true); }
};

/// Throws Error(invalid_argument, data_loss) naming the label, and for fields the field and its attribute; not for those of the base.
ScenarioLabels read_labels(const Labels&);

}  // namespace operon::scenario_image

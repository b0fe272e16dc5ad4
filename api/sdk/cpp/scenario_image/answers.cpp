#include "operon/scenario_image/answers.hpp"

#include "operon/error.hpp"
#include "operon/scenario_image/names.hpp"

namespace operon::scenario_image {

namespace sr = kinds::scenario_registry;

namespace {

/// Without its texts, which stand beside it in an answer about one scenario.
sr::Summary name_and_place(const std::string& repository, const CatalogueEntry& entry) {
  return {entry.name, repository + (is_digest(entry.name) ? "@" : ":") + entry.name, entry.image->digest, entry.size, entry.last_modified};
}

std::optional<std::string> label_of(const CatalogueEntry& entry, const char* name) {
  const auto found = entry.image->labels.find(name);
  if (found == entry.image->labels.end() || found->second.size() > list_text_bytes_max) return std::nullopt;
  return found->second;
}

}  // namespace

sr::Summary summary_of(const std::string& repository, const CatalogueEntry& entry) {
  auto summary = name_and_place(repository, entry);
  summary.title = label_of(entry, "krknctl.title");
  summary.description = label_of(entry, "krknctl.description");
  return summary;
}

sr::Scenario scenario_of(const std::string& repository, const CatalogueEntry& entry, bool globals) {
  const auto labels = [&] {
    try {
      return read_labels(entry.image->labels);
    } catch (const Error& e) {  // the image's fault, not the request's
      throw Error(Code::data_loss, "image " + repository + " '" + entry.name + "': " + e.what());
    }
  }();
  if (globals && !labels.globals_failure.empty())
    throw Error(Code::data_loss, "image " + repository + " '" + entry.name + "': " + labels.globals_failure);
  const auto& texts = globals ? labels.globals : labels.texts;
  if (!texts) {
    throw Error(Code::not_found, globals ? "scenario '" + entry.name + "' has no globals"
                                         : "image '" + entry.name + "' is no scenario: it has no title or fields")
        .with_field("name");
  }
  return {name_and_place(repository, entry), texts->title, texts->description, texts->fields, "", labels.has_rollback};
}

std::string name_of(const std::string& repository, const sr::ScenarioRequest& request) {
  if (!request.name.empty()) return request.name;
  const std::string& reference = request.reference;
  const size_t at = repository.size();
  if (!reference.starts_with(repository) || reference.size() <= at + 1 || (reference[at] != ':' && reference[at] != '@'))
    throw Error(Code::not_found, "this registry knows images of " + repository + " only").with_field("reference");
  std::string name = reference.substr(at + 1);
  if (const auto digest = name.find('@'); digest != std::string::npos) name.erase(0, digest + 1);
  return name;
}

}  // namespace operon::scenario_image

/// What a plugin's tables have to look like before the host calls through them.
#include <cstring>
#include <set>

#include "core/base/text.hpp"
#include "core/plugin/call_api.hpp"
#include "core/plugin/loader.hpp"
#include "operon/error.hpp"

namespace operon::plugin {
namespace {

/// The verbs without which an interface of this kind is of no use. Optional ones are not listed.
struct Kind {
  std::string_view id;
  std::vector<std::string_view> verbs;
};
const Kind kinds[] = {
    {"operon.target-provider/1", {"list", "get", "probe"}},
    {"operon.scenario-registry/1", {"list", "detail", "globals"}},
    {"operon.job-runner/1", {"start", "list", "inspect", "logs", "stop", "recover", "destroy"}},
};

constexpr uint32_t verbs_max = 256;  // of one interface
constexpr size_t verb_name_bytes_max = 64;
/// A verb of the first version of the ABI; younger ones are longer.
constexpr uint32_t verb_size_min = offsetof(operon_verb, reserved) + sizeof(uint32_t);

[[noreturn]] void refuse(const Manifest& manifest, const std::string& reason) {
  throw Error(Code::failed_precondition, manifest.library.string() + ": " + reason);
}

std::string text(operon_str s) {
  return broken(s) ? "a null pointer" : "'" + base::printable(view(s), 64) + "'";
}

}  // namespace

std::vector<std::string_view> required_verbs(std::string_view interface_id) {
  for (const Kind& kind : kinds) {
    if (kind.id == interface_id) return kind.verbs;
  }
  return {};
}

void check_entry(const operon_entry* entry, const Manifest& manifest) {
  if (entry == nullptr) refuse(manifest, std::string(OPERON_ENTRY_SYMBOL) + "() returned NULL");
  if (entry->magic != OPERON_ABI_MAGIC) refuse(manifest, "its entry has the wrong magic number; it is no operon plugin");
  if (entry->abi_major != OPERON_ABI_MAJOR) {
    refuse(manifest, "it was built for ABI major " + std::to_string(entry->abi_major) + ", this host has " +
                         std::to_string(OPERON_ABI_MAJOR) + "; rebuild it against this host's headers");
  }
  if (entry->abi_min_minor > OPERON_ABI_MINOR) {
    refuse(manifest, "it needs ABI " + std::to_string(OPERON_ABI_MAJOR) + "." + std::to_string(entry->abi_min_minor) + ", this host has " +
                         std::to_string(OPERON_ABI_MAJOR) + "." + std::to_string(OPERON_ABI_MINOR) + "; update the host");
  }
  if (!OPERON_HAS(entry, operon_entry, create)) refuse(manifest, "its entry has no create()");
  if (broken(entry->id) || view(entry->id) != manifest.id)
    refuse(manifest, "its entry says it is " + text(entry->id) + ", its manifest says '" + manifest.id + "'");
  if (broken(entry->version) || view(entry->version) != manifest.version) {
    refuse(manifest, "its entry says version " + text(entry->version) + ", its manifest says '" + manifest.version + "'");
  }
}

void check_plugin_api(const operon_plugin_api* api, const Manifest& manifest) {
  auto need = [&](bool there, const char* name) {
    if (!there) refuse(manifest, std::string("create() gave an instance without ") + name + "()");
  };
  need(OPERON_HAS(api, operon_plugin_api, configure), "configure");
  need(OPERON_HAS(api, operon_plugin_api, get_interface), "get_interface");
  need(OPERON_HAS(api, operon_plugin_api, quiesce), "quiesce");
  need(OPERON_HAS(api, operon_plugin_api, destroy), "destroy");
  if (api->concurrency > OPERON_SERIAL)
    refuse(manifest, "create() gave an instance of unknown concurrency " + std::to_string(api->concurrency));
}

std::vector<operon_verb> read_interface(const operon_interface* table, std::string_view id, const Manifest& manifest) {
  std::string name = "interface '" + std::string(id) + "'";
  if (table == nullptr) refuse(manifest, "its manifest lists " + name + ", the library does not offer it");
  if (table->struct_size < offsetof(operon_interface, reserved)) refuse(manifest, name + " has a table that is too short");
  if (table->verb_size < verb_size_min)
    refuse(manifest, name + " has verbs of " + std::to_string(table->verb_size) + " bytes; the least is " + std::to_string(verb_size_min));
  if (broken(table->id) || view(table->id) != id) refuse(manifest, name + " calls itself " + text(table->id));
  if (table->verbs == nullptr || table->verb_count == 0) refuse(manifest, name + " has no verbs");
  if (table->verb_count > verbs_max)
    refuse(manifest, name + " has " + std::to_string(table->verb_count) + " verbs; the most is " + std::to_string(verbs_max));
  std::vector<operon_verb> verbs(table->verb_count);
  std::set<std::string_view> names;
  for (uint32_t i = 0; i < table->verb_count; ++i) {
    // The plugin's stride, not ours: its verbs may be longer.
    std::memcpy(&verbs[i], reinterpret_cast<const char*>(table->verbs) + size_t{i} * table->verb_size, sizeof(operon_verb));
    const operon_verb& verb = verbs[i];
    if (broken(verb.name) || verb.name.len == 0 || verb.name.len > verb_name_bytes_max)
      refuse(manifest, name + ": verb " + std::to_string(i) + " has no name");
    if (verb.fn == nullptr) refuse(manifest, name + ": verb " + text(verb.name) + " has no function");
    if (!names.insert(view(verb.name)).second) refuse(manifest, name + " has two verbs named " + text(verb.name));
  }
  for (std::string_view required : required_verbs(id)) {
    if (!names.contains(required)) refuse(manifest, name + " is only half there: verb '" + std::string(required) + "' is missing");
  }
  return verbs;
}

}  // namespace operon::plugin

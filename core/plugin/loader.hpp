/// core/plugin/loader.hpp: from a plugin id to a library that may be called, checked at every step. Also what `operonctl plugin validate`
/// checks with.
///
/// Everything here throws Error whose text is one line that names the file and the reason. No code of the plugin runs before
/// `load_library`.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.hpp"
#include "core/plugin/manifest.hpp"
#include "operon/interface.h"
#include "operon/plugin.h"

namespace operon::plugin {

constexpr const char* manifest_suffix = ".manifest.json";  ///< of <library>.manifest.json
constexpr size_t manifest_bytes_max = 1u << 20;
constexpr size_t library_bytes_max = 1u << 30;

/// A regular file that nobody but root and this user can have written: owner root or self, neither it nor its folder world-writable, nor
/// any folder above replaceable by others (world-writable without the sticky bit). Opened without following a link at the last step.
base::Fd open_trusted(const std::filesystem::path& absolute);

/// The manifest beside a library, or a manifest file itself; permissions checked, parsed, `library` filled in. Relative paths are made
/// absolute.
Manifest read_manifest(const std::filesystem::path& library_or_manifest);

/// What a folder search for one plugin id found.
struct Found {
  Manifest manifest;
  std::vector<std::filesystem::path> also;  ///< further libraries that claim the same id; not used
  std::vector<std::string> unreadable;      ///< manifests that could not be read, each with its reason
};
/// The first folder that has it wins. Throws not_found, with whatever was unreadable, when none does.
Found find_plugin(const std::vector<std::filesystem::path>& folders, std::string_view plugin_id);

/// Permissions and digest of the library beside its manifest; the descriptor is of the very bytes that were hashed.
base::Fd check_library(const Manifest&);

/// The configuration meets the plugin's schema (draft-07; `pattern` by RE2). `where` begins the message: "operon.yaml:12" or the file.
void check_configuration(const Manifest&, std::string_view config_json, std::string_view where);
/// The schema itself is one. Throws naming the manifest.
void check_schema(const Manifest&);

/// Loads it (at once and local; never unloaded) and checks its entry against the manifest. The same file twice gives the same entry.
const operon_entry* load_library(const Manifest&);
/// The entry's own part of that.
void check_entry(const operon_entry*, const Manifest&);
/// The instance functions that every plugin has.
void check_plugin_api(const operon_plugin_api*, const Manifest&);

/// The interface as the host will call it, copied with the plugin's own stride. Throws when it is half: a verb without a function or a
/// name, two of one name, or one that its kind requires is missing.
std::vector<operon_verb> read_interface(const operon_interface*, std::string_view id, const Manifest&);
/// The verbs that an interface of a known kind has to have; empty for the others, of which at least one verb is asked.
std::vector<std::string_view> required_verbs(std::string_view interface_id);

}  // namespace operon::plugin

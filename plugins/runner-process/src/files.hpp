/// files.hpp: files of the run folders. Errors are operon::Error: a disk that is full, read-only or broken is unavailable, the
/// rest internal.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "operon/fd.hpp"

namespace operon::runner_process {

/// Throws what errno means: "cannot WHAT PATH: why".
[[noreturn]] void throw_errno(const std::string& what, const std::filesystem::path& path);

std::optional<std::string> read_file_if_there(const std::filesystem::path& path);

/// Makes the file, 0600, which must not be there yet. `source` is asked for the next bytes until it gives none.
void write_new_file(const std::filesystem::path& path, const std::function<std::string_view()>& source);
void write_new_file(const std::filesystem::path& path, std::string_view content);

/// Replaces the file by rename.
void replace_file(const std::filesystem::path& path, std::string_view content);

/// Returns when the file's bytes, or the folder's names, are on the disk.
void make_durable(const std::filesystem::path& path);

/// Folders, 0700; those that are there already are fine.
void make_folders(const std::filesystem::path& path);

/// Removes a folder and all in it, also where the run took away its own rights. Never follows links.
void remove_folder(const std::filesystem::path& path);

}  // namespace operon::runner_process

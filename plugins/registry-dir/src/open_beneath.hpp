/// open_beneath.hpp: opens what a folder holds, and nothing outside of it.
#pragma once

#include <sys/stat.h>

#include <string>

#include "operon/fd.hpp"

namespace registry_dir {

/// Opens a folder. Throws operon::Error naming the path.
operon::Fd open_folder(const std::string& path);

/// Opens a regular file inside the folder, its state in `info`. A symbolic link is followed only when it stays inside the folder (as the
/// files of a mounted ConfigMap do). Throws operon::Error(not_found, permission_denied, unavailable) whose text is the reason alone.
operon::Fd open_beneath(int folder, const std::string& name, struct stat& info);

/// Reads it all; throws operon::Error(out_of_range) past `bytes_max`.
std::string read_whole(int fd, size_t bytes_max);

}  // namespace registry_dir

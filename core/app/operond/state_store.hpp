/// core/app/operond/state_store.hpp: the store of runs and keys that the configuration names.
#pragma once

#include <filesystem>
#include <memory>

#include "core/config/settings.hpp"
#include "core/jobs/store.hpp"

namespace operon::app {

/// A file in the state folder, or jobs.database. Throws Error as core/jobs/{sqlite,postgres}_store.hpp say.
std::shared_ptr<jobs::Store> open_state_store(const config::JobSettings&, const std::filesystem::path& state_dir);

}  // namespace operon::app

#include "core/app/operond/state_store.hpp"

#include "core/jobs/postgres_store.hpp"
#include "core/jobs/sqlite_store.hpp"

namespace operon::app {

std::shared_ptr<jobs::Store> open_state_store(const config::JobSettings& settings, const std::filesystem::path& state_dir) {
  if (settings.database.empty()) return jobs::open_sqlite_store(state_dir / "operon.db");
  return jobs::open_postgres_store({settings.database, settings.database_password_file});
}

}  // namespace operon::app

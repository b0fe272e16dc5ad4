/// core/jobs/postgres_schema.hpp: the tables of sqlite_schema.cpp in PostgreSQL's types, and how an older database gets to them.
#pragma once

#include <string>

namespace operon::jobs::postgres {

class Connection;

int schema_version();
/// In one transaction. Throws Error(failed_precondition) when a newer operon has written the database.
void migrate(Connection&, const std::string& where);

}  // namespace operon::jobs::postgres

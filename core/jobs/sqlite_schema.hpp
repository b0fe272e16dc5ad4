/// core/jobs/sqlite_schema.hpp: the tables, and how an older file becomes a newer one.
#pragma once

#include <string>

namespace operon::jobs::sqlite {

class Connection;

/// The schema that this program writes: the number of migrations.
int schema_version();
/// Runs the migrations that the file lacks, each in one transaction. Throws Error(failed_precondition) when the file is newer than this
/// program.
void migrate(Connection&, const std::string& where);
/// Throws Error(data_loss) when the file's structure is damaged.
void check_whole(Connection&, const std::string& where);

}  // namespace operon::jobs::sqlite

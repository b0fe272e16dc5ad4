// Fills the store of a stopped host with ended runs, through the store's own code.
//
//   seed_store STATE_DIR COUNT
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/base/clock.hpp"
#include "core/base/ids.hpp"
#include "core/jobs/job_table.hpp"
#include "core/jobs/sqlite_store.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: seed_store STATE_DIR COUNT\n");
    return 2;
  }
  using namespace operon;
  const auto store = jobs::open_sqlite_store(std::filesystem::path(argv[1]) / "operon.db");
  const int64_t now = base::system_clock().unix_ms();
  const long count = std::atol(argv[2]);
  uint64_t revision = store->revision_max();
  for (long i = 0; i < count; ++i) {
    jobs::JobRecord record;
    jobs::Job& job = record.job;
    job.id = base::uuid_v4();
    job.target_id = "6f1c4a2e-0000-4000-8000-000000000000";
    job.provider = "target-file";
    job.cluster_name = "cluster-" + std::to_string(i % 50);
    job.scenario_name = "scenario-" + std::to_string(i % 20);
    job.scenario_image = "dir://" + job.scenario_name;
    job.runner = "runner-process";
    job.user = "bench";
    job.phase = i % 3 == 1 ? jobs::Phase::failed : jobs::Phase::succeeded;
    job.message = job.phase == jobs::Phase::failed ? "the program ended with exit code 1" : "";
    job.created_unix_ms = now - (count - i) * 100;
    job.start_unix_ms = job.created_unix_ms;
    job.end_unix_ms = job.created_unix_ms + 60;
    job.exit_code = job.phase == jobs::Phase::failed ? 1 : 0;
    job.revision = ++revision;
    record.cleanup = jobs::Cleanup::none;
    record.json = jobs::to_contract_json(job);
    store->update(record, true, [](const std::optional<Error>& e) {
      if (e) {
        std::fprintf(stderr, "%s\n", e->what());
        std::abort();
      }
    });
    if (i % 10000 == 9999) store->set_meta("seeded", std::to_string(i));  // waits for what is in the queue
  }
  store->set_meta("seeded", std::to_string(count));
  std::printf("%ld runs\n", count);
  return 0;
}

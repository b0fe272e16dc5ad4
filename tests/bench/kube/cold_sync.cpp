/// bench_cold_sync NAMESPACE COUNT all|ours: an informer on COUNT Runs from nothing; `all` keeps whole objects but for managedFields,
/// `ours` what operond keeps of a Run.
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "core/base/idle_memory.hpp"
#include "core/jobs/run_object.hpp"
#include "core/kube/informer.hpp"
#include "tests/bench/kube/cost.hpp"

namespace {

namespace base = operon::base;
namespace bench = operon::bench;
namespace kube = operon::kube;

void work(int argc, char** argv) {
  if (argc != 4) throw std::runtime_error("usage: bench_cold_sync NAMESPACE COUNT all|ours");
  const double begin = bench::now_seconds();
  kube::Client client(bench::cluster());
  kube::InformerOptions options;
  options.name_space = argv[1];
  if (std::string(argv[3]) == "ours") options.trim = operon::jobs::run_trim();
  kube::Informer informer(client, operon::jobs::run_resource(), options);
  informer.start();
  if (!informer.wait_synced(std::chrono::minutes(2))) throw std::runtime_error("not in step after two minutes: " + informer.trouble());
  const double took = bench::now_seconds() - begin;
  if (informer.size() != std::stoul(argv[2])) throw std::runtime_error("there are " + std::to_string(informer.size()) + " objects");
  const double cpu = bench::cpu_seconds();
  base::release_idle_memory();  // as operond does when it has started
  bench::tell({{"seconds", took}, {"cpu_seconds", cpu}});
}

}  // namespace

int main(int argc, char** argv) {
  return operon::bench::run_main(work, argc, argv);
}

/// bench_get_nodes ADDRESS KUBECONFIG-FILE AT-ONCE SECONDS: asks a data provider for a cluster's nodes, by the host's own client and over
/// its one channel, and says how often it was answered.
#include <atomic>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.hpp"
#include "core/grpc/data_provider.hpp"
#include "tests/bench/kube/cost.hpp"

namespace {

using operon::grpc_client::DataProvider;

std::string text_of(const char* file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error(std::string(file) + " cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

void work(int argc, char** argv) {
  if (argc != 5) throw std::runtime_error("usage: bench_get_nodes ADDRESS KUBECONFIG-FILE AT-ONCE SECONDS");
  const std::string kubeconfig = text_of(argv[2]);
  const int at_once = std::stoi(argv[3]);
  operon::grpc_client::DataProviderSettings settings;
  settings.address = argv[1];
  settings.calls_max = settings.calls_per_cluster_max = static_cast<unsigned>(at_once) + 1;
  DataProvider provider(settings, operon::base::system_clock());
  const size_t nodes = provider.nodes(kubeconfig).size();  // the connections are open now, on both sides

  std::atomic<long> calls{0}, wrong{0};
  const double begin = operon::bench::now_seconds(), end = begin + std::stod(argv[4]);
  std::vector<std::thread> callers;
  for (int i = 0; i < at_once; ++i) {
    callers.emplace_back([&] {
      while (operon::bench::now_seconds() < end) {
        try {
          if (provider.nodes(kubeconfig).size() != nodes) ++wrong;
        } catch (const std::exception&) {
          ++wrong;
        }
        ++calls;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  const nlohmann::json told = {
      {"calls", calls.load()}, {"wrong", wrong.load()}, {"nodes", nodes}, {"seconds", operon::bench::now_seconds() - begin}};
  std::puts(told.dump().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  return operon::bench::run_main(work, argc, argv);
}

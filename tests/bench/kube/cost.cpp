#include "cost.hpp"

#include <sys/resource.h>

#include <cstdlib>
#include <ctime>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "core/kube/config.hpp"

namespace operon::bench {

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double now_seconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

kube::ClusterConfig cluster() {
  const char* file = std::getenv("KUBECONFIG");
  if (file == nullptr) throw std::runtime_error("KUBECONFIG is not set; it names the cluster to measure on");
  return kube::resolve({file, ""});
}

void tell(const nlohmann::json& line) {
  std::cout << line.dump() << std::endl;
  std::string ignored;
  while (std::getline(std::cin, ignored)) {
  }
}

int run_main(void (*work)(int, char**), int argc, char** argv) {
  try {
    work(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << argv[0] << ": " << error.what() << "\n";
    return 1;
  }
}

}  // namespace operon::bench

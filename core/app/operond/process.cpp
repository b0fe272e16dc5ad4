#include "core/app/operond/process.hpp"

#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>

#include "core/metrics/metrics.hpp"

namespace operon::app {
namespace {

constexpr int arenas_max = 2;
constexpr size_t trim_bytes = 256u << 10;

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

size_t open_descriptors() {
  DIR* dir = opendir("/proc/self/fd");
  if (dir == nullptr) return 0;
  size_t count = 0;
  while (readdir(dir) != nullptr) ++count;
  closedir(dir);
  return count > 3 ? count - 3 : 0;  // ".", "..", and the one that reads
}

/// Member 1 of /proc/self/statm, member 20 of /proc/self/stat (after the name, which may hold anything).
struct Usage {
  double resident_bytes = 0, virtual_bytes = 0, threads = 0;
};

Usage usage() {
  Usage usage;
  std::ifstream statm("/proc/self/statm");
  double pages = 0, resident = 0;
  if (statm >> pages >> resident) {
    const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
    usage.virtual_bytes = pages * page;
    usage.resident_bytes = resident * page;
  }
  std::ifstream stat("/proc/self/stat");
  std::string text;
  std::getline(stat, text);
  std::istringstream rest(text.substr(std::min(text.rfind(')') + 1, text.size())));
  std::string skipped;
  for (int i = 0; i < 17; ++i) rest >> skipped;
  rest >> usage.threads;
  return usage;
}

}  // namespace

void prepare_process() {
  umask(077);
  signal(SIGPIPE, SIG_IGN);
  // glibc gives each thread an arena of its own up to 8 per core; a host that is idle most of the time keeps what they once held.
  mallopt(M_ARENA_MAX, arenas_max);
  mallopt(M_TRIM_THRESHOLD, trim_bytes);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

double cpu_seconds() {
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) != 0) return 0;
  return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
}

uint64_t descriptors_max() {
  rlimit files{};
  return getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : UINT64_MAX;
}

void add_process_metrics(std::string_view version) {
  using metrics::gauge;
  gauge("operon_build_info", "The running version; always 1", {{"version", version}}).set(1);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  gauge("operon_process_start_time_seconds", "Start of the process since 1970-01-01 UTC").set(std::chrono::duration<double>(now).count());
  struct Handles {
    metrics::Gauge resident = gauge("operon_process_resident_memory_bytes", "Memory of the host in RAM");
    metrics::Gauge virtual_size = gauge("operon_process_virtual_memory_bytes", "Address space of the host");
    metrics::Gauge threads = gauge("operon_process_threads", "Threads of the host");
    metrics::Gauge open = gauge("operon_process_open_fds", "Open file descriptors");
    metrics::Gauge max = gauge("operon_process_max_fds", "File descriptors that may be open");
    metrics::Counter cpu = metrics::counter("operon_process_cpu_seconds_total", "CPU time of the host, user and system");
    std::mutex mutex;
    double cpu_before = 0;
  };
  metrics::on_scrape([handles = std::make_shared<Handles>()] {
    const auto now = usage();
    handles->resident.set(now.resident_bytes);
    handles->virtual_size.set(now.virtual_bytes);
    handles->threads.set(now.threads);
    handles->open.set(static_cast<double>(open_descriptors()));
    handles->max.set(static_cast<double>(descriptors_max()));
    const double cpu = cpu_seconds();
    std::lock_guard lock(handles->mutex);
    handles->cpu.add(cpu - handles->cpu_before);
    handles->cpu_before = cpu;
  });
}

}  // namespace operon::app

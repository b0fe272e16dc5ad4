// What `cat` to many pipes costs: one file, read once, written to COUNT pipes, each drained by this same program.
//
//   fan_out FILE COUNT
//
// Prints one JSON object: seconds and CPU seconds. The peer of the log hub: the least that any fan-out by writing can cost.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: fan_out FILE COUNT\n");
    return 2;
  }
  rlimit files{65536, 65536};
  setrlimit(RLIMIT_NOFILE, &files);
  const int file = open(argv[1], O_RDONLY);
  if (file < 0) {
    std::perror(argv[1]);
    return 1;
  }
  std::vector<int> reads, writes;
  for (long i = 0; i < std::atol(argv[2]); ++i) {
    int ends[2];
    if (pipe(ends) != 0) {
      std::perror("pipe");
      return 1;
    }
    reads.push_back(ends[0]);
    writes.push_back(ends[1]);
  }
  const auto begin = std::chrono::steady_clock::now();
  std::vector<char> block(16u << 10), sink(64u << 10);  // a block fits a pipe's buffer, so that no write blocks
  ssize_t got = 0;
  while ((got = read(file, block.data(), block.size())) > 0) {
    for (size_t i = 0; i < writes.size(); ++i) {
      if (write(writes[i], block.data(), static_cast<size_t>(got)) != got) return 1;
      if (read(reads[i], sink.data(), sink.size()) != got) return 1;
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"pipes\":%s,\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n", argv[2], seconds,
              static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                  static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
  return 0;
}

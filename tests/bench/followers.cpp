// Follows one URL from many connections at once on one thread and says what each of them got.
//
//   followers HOST PORT PATH COUNT ASLEEP     COUNT readers, and ASLEEP more that connect, ask and never read
//
// Prints one JSON object: bytes of content a reader got at least and at most, the CRC-32 of each (all equal or not), seconds, CPU seconds
// of this program.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

/// One connection's way through a chunked answer. Content is counted and summed, never kept.
struct Reader {
  int fd = -1;
  enum { headers, size, data, data_end, done } state = headers;
  std::string line;
  uint64_t left = 0, bytes = 0;
  uLong crc = crc32(0, nullptr, 0);

  void take_line(char c) {
    if (c != '\n') {
      line += c;
      return;
    }
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (state == headers && line.empty())
      state = size;
    else if (state == size) {
      left = std::strtoull(line.c_str(), nullptr, 16);
      state = left == 0 ? done : data;
    } else if (state == data_end)
      state = size;
    line.clear();
  }

  void feed(const char* at, size_t count) {
    while (count > 0 && state != done) {
      if (state != data) {
        take_line(*at++);
        --count;
        continue;
      }
      const size_t part = std::min<uint64_t>(count, left);
      crc = crc32(crc, reinterpret_cast<const Bytef*>(at), static_cast<uInt>(part));
      bytes += part;
      left -= part;
      at += part;
      count -= part;
      if (left == 0) state = data_end;
    }
  }
};

int connect_to(const char* host, int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, host, &address.sin_addr);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::perror("connect");
    std::exit(1);
  }
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + host + ":" + std::to_string(port) + "\r\n\r\n";
  if (write(fd, request.data(), request.size()) != static_cast<ssize_t>(request.size())) std::exit(1);
  return fd;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/// Reads what is there. False when the connection is finished.
bool drain(Reader& reader, std::vector<char>& buffer) {
  while (true) {
    const ssize_t got = recv(reader.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    if (got <= 0) return false;
    reader.feed(buffer.data(), static_cast<size_t>(got));
    if (reader.state == Reader::done) return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: followers HOST PORT PATH COUNT ASLEEP\n");
    return 2;
  }
  rlimit files{65536, 65536};
  setrlimit(RLIMIT_NOFILE, &files);
  const size_t count = std::strtoul(argv[4], nullptr, 10), asleep = std::strtoul(argv[5], nullptr, 10);
  const auto begin = std::chrono::steady_clock::now();
  const int epoll = epoll_create1(0);
  std::vector<int> sleepers;
  for (size_t i = 0; i < asleep; ++i) sleepers.push_back(connect_to(argv[1], std::atoi(argv[2]), argv[3]));
  std::vector<Reader> readers(count);
  for (size_t i = 0; i < count; ++i) {
    readers[i].fd = connect_to(argv[1], std::atoi(argv[2]), argv[3]);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    epoll_ctl(epoll, EPOLL_CTL_ADD, readers[i].fd, &event);
  }
  std::vector<char> buffer(256u << 10);
  size_t open = count;
  while (open > 0) {
    epoll_event events[256];
    const int ready = epoll_wait(epoll, events, 256, 120000);
    if (ready <= 0) break;
    for (int i = 0; i < ready; ++i) {
      Reader& reader = readers[events[i].data.u64];
      if (drain(reader, buffer)) continue;
      close(reader.fd);
      --open;
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto fewest = std::min_element(readers.begin(), readers.end(), [](const Reader& a, const Reader& b) { return a.bytes < b.bytes; });
  const auto most = std::max_element(readers.begin(), readers.end(), [](const Reader& a, const Reader& b) { return a.bytes < b.bytes; });
  const bool same =
      std::all_of(readers.begin(), readers.end(), [&](const Reader& r) { return r.crc == readers[0].crc && r.state == Reader::done; });
  std::printf(
      "{\"followers\":%zu,\"asleep\":%zu,\"bytes_min\":%llu,\"bytes_max\":%llu,\"same\":%s,\"crc\":%lu,\"seconds\":%.3f,\"cpu_seconds\":%."
      "3f}\n",
      count, asleep, static_cast<unsigned long long>(fewest->bytes), static_cast<unsigned long long>(most->bytes), same ? "true" : "false",
      readers[0].crc, seconds, cpu_seconds());
  return same ? 0 : 1;
}

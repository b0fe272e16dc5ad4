/// tests/unit/jobs/answer_eater.hpp: stands between a client and the test's PostgreSQL server, and loses an answer on demand.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/base/files.hpp"

namespace operon::jobs::testing {

/// Clients connect to host=FOLDER. After eat_next(), the next request that holds `word` reaches the server; what the server answers reaches
/// nobody, and the connection is cut.
class AnswerEater {
 public:
  AnswerEater(const std::filesystem::path& folder, std::string word) : word_(std::move(word)) {
    listener_ = base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto name = address(folder);
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 || ::listen(listener_.get(), 16) != 0)
      throw std::runtime_error("cannot listen in " + folder.string());
    acceptor_ = std::thread([this] { accept(); });
  }
  ~AnswerEater() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    for (auto& thread : relays_) thread.join();
  }

  void eat_next() { armed_ = true; }
  bool eaten() const { return eaten_; }

 private:
  static sockaddr_un address(const std::filesystem::path& folder) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string path = (folder / ".s.PGSQL.5432").string();
    if (path.size() >= sizeof name.sun_path) throw std::runtime_error("too long for a socket: " + path);
    std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
    return name;
  }

  void accept() {
    for (;;) {
      base::Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) return;
      base::Fd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const auto name = address(std::getenv("OPERON_TEST_POSTGRESQL"));
      if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) continue;
      relays_.emplace_back([this, client = std::move(client), server = std::move(server)] { relay(client.get(), server.get()); });
    }
  }

  void relay(int client, int server) {
    std::vector<char> buffer(65536);
    pollfd ends[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    while (!stopping_) {
      if (::poll(ends, 2, 50) <= 0) continue;
      for (const int from : {0, 1}) {
        if ((ends[from].revents & (POLLIN | POLLHUP)) == 0) continue;
        const auto got = ::read(ends[from].fd, buffer.data(), buffer.size());
        if (got <= 0) return;
        const bool last = from == 0 && std::string_view(buffer.data(), static_cast<size_t>(got)).find(word_) != std::string_view::npos &&
                          armed_.exchange(false);
        if (::send(ends[1 - from].fd, buffer.data(), static_cast<size_t>(got), MSG_NOSIGNAL) != got) return;
        if (!last) continue;
        eaten_ = ::read(server, buffer.data(), buffer.size()) > 0;  // it is done
        return;
      }
    }
  }

  const std::string word_;
  base::Fd listener_;
  std::atomic<bool> armed_{false}, eaten_{false}, stopping_{false};
  std::thread acceptor_;
  std::vector<std::thread> relays_;
};

}  // namespace operon::jobs::testing

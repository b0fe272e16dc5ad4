#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/unit/base/temporary_folder.hpp"

extern char** environ;

namespace {

/// A program with its standard output on a pipe.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    REQUIRE(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    out_ = ends[0];
  }
  ~Process() {
    ::close(out_);
    if (!reaped_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Reads until the text stands in the output, or the output ends.
  bool says(const std::string& text) {
    char buffer[4096];
    while (output.find(text) == std::string::npos) {
      ssize_t n = ::read(out_, buffer, sizeof buffer);
      if (n <= 0) return false;
      output.append(buffer, static_cast<size_t>(n));
    }
    return true;
  }
  void send(int signal) const { ::kill(pid_, signal); }
  /// Exit code, or minus the signal.
  int wait() {
    says("\x01");
    int status = 0;
    ::waitpid(pid_, &status, 0);
    reaped_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  std::string output;

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  bool reaped_ = false;
};

std::vector<std::string> tool(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), SCENARIO_PROGRAM);
  return arguments;
}

TEST_CASE("hello says what it was told, as data, and ends as it was told") {
  Process p(tool({"hello", "--name=-x; $(id)", "--count=2", "--interval=0", "--exit-status=3"}));
  CHECK(p.wait() == 3);
  CHECK(p.output.find("[INFO] Hello, -x; $(id) (2 of 2)\n") != std::string::npos);
}

TEST_CASE("a scenario that is told to stop stops, with the exit code of that") {
  Process p(tool({"hello", "--name=a", "--count=1000", "--interval=3600", "--exit-status=0"}));
  REQUIRE(p.says("(1 of 1000)"));
  p.send(SIGTERM);
  CHECK(p.wait() == 143);
}

TEST_CASE("arguments out of range are refused in words") {
  auto refused = [](std::vector<std::string> arguments) {
    Process p(tool(std::move(arguments)));
    CHECK(p.wait() == 2);
    return p.output.substr(p.output.find('[') == std::string::npos ? 0 : p.output.find('['));
  };
  CHECK(refused({"hello", "--name=a", "--count=0", "--interval=0", "--exit-status=0"}) ==
        "[ERROR] hello: --count must be a whole number from 1 to 1000, not '0'\n");
  CHECK(refused({"hello", "--count=1"}) == "[ERROR] hello: --name is missing\n");
  CHECK(refused({"hello", "-v"}) == "[ERROR] hello: unknown argument '-v'\n");
  CHECK(refused({"memory-hog", "--workers=1", "--size=-1", "--duration=1"}) ==
        "[ERROR] memory-hog: --size must be a size such as 512m, 2g or 50%, not '-1'\n");
  CHECK(refused({"process-kill", "--name=operond", "--signal=KILL", "--count=0", "--duration=0"}) ==
        "[ERROR] process-kill: processes named operon... are the host's own and are not hit\n");
  CHECK(refused({"disk-fill", "--directory=/tmp", "--size-mib=16000000", "--keep-free-mib=1", "--duration=1"}).find("MiB to keep") !=
        std::string::npos);
}

TEST_CASE("disk-fill leaves nothing behind, whatever ends it") {
  operon::base::TemporaryFolder folder;
  for (int signal : {SIGTERM, SIGKILL}) {
    Process p(tool({"disk-fill", "--directory=" + folder.path().string(), "--size-mib=8", "--keep-free-mib=0", "--duration=3600"}));
    REQUIRE(p.says("Taken; holding"));
    p.send(signal);
    CHECK(p.wait() == (signal == SIGTERM ? 143 : -SIGKILL));
    CHECK(std::filesystem::is_empty(folder.path()));
  }
}

TEST_CASE("process-kill hits processes of exactly that name") {
  operon::base::TemporaryFolder folder;
  const std::string victim = "v" + operon::base::random_hex(5);
  std::filesystem::copy("/bin/sleep", folder.path() / victim);
  std::filesystem::copy("/bin/sleep", folder.path() / (victim + "x"));
  Process hit({(folder.path() / victim).string(), "3600"});
  Process spared({(folder.path() / (victim + "x")).string(), "3600"});
  Process freeze(tool({"process-kill", "--name=" + victim, "--signal=STOP", "--count=0", "--duration=0"}));
  CHECK(freeze.wait() == 0);
  CHECK(freeze.output.find("goes on") != std::string::npos);
  Process kill(tool({"process-kill", "--name=" + victim, "--signal=KILL", "--count=1", "--duration=0"}));
  CHECK(kill.wait() == 0);
  CHECK(hit.wait() == -SIGKILL);
  Process again(tool({"process-kill", "--name=" + victim, "--signal=TERM", "--count=0", "--duration=0"}));
  CHECK(again.wait() == 1);
  CHECK(again.output.find("No process is named '" + victim + "'") != std::string::npos);
  spared.send(SIGTERM);
  CHECK(spared.wait() == -SIGTERM);  // it lived until now
}

TEST_CASE("http-probe counts what is not as expected") {
  int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(server, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(server, 8) == 0);
  ::getsockname(server, reinterpret_cast<sockaddr*>(&address), &size);
  std::thread answers([server] {
    for (const char* status : {"200 OK", "500 Oops", "200 OK", "500 Oops"}) {
      int client = ::accept(server, nullptr, nullptr);
      char buffer[4096];
      if (::read(client, buffer, sizeof buffer) > 0) {
        std::string answer = std::string("HTTP/1.1 ") + status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        if (::write(client, answer.data(), answer.size()) < 0) break;
      }
      ::close(client);
    }
  });
  const std::string url = "--url=http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  Process tolerant(tool({"http-probe", url, "--expect=200", "--timeout=20", "--count=2", "--interval=0", "--failures=1"}));
  CHECK(tolerant.wait() == 0);
  CHECK(tolerant.output.find("[ERROR] Probe 2 of 2: status 500") != std::string::npos);
  Process strict(tool({"http-probe", url, "--expect=200", "--timeout=20", "--count=2", "--interval=0", "--failures=0"}));
  CHECK(strict.wait() == 1);
  answers.join();
  ::close(server);
}

}  // namespace

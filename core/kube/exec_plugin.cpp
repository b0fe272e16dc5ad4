#include "core/kube/exec_plugin.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"

extern char** environ;

namespace operon::kube {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

Error refusal(const ExecPlugin& plugin, const std::string& why) {
  const std::string hint = plugin.install_hint.empty() ? "" : "; " + base::printable(plugin.install_hint, 400);
  return Error(Code::unauthenticated, "credential program " + base::printable(plugin.command, 200) + ": " + why + hint);
}

std::string exec_info(const ExecPlugin& plugin, const ClusterConfig& cluster) {
  json spec{{"interactive", false}};
  if (plugin.cluster_info) {
    json about{{"server", cluster.server}};
    std::string ca = cluster.ca_pem;
    if (!cluster.ca_file.empty()) ca = base::read_file(cluster.ca_file, exec_answer_bytes_max);
    if (!ca.empty()) about["certificate-authority-data"] = base::base64_encode(ca);
    if (cluster.insecure) about["insecure-skip-tls-verify"] = true;
    if (!cluster.tls_server_name.empty()) about["tls-server-name"] = cluster.tls_server_name;
    if (!cluster.proxy_url.empty()) about["proxy-url"] = cluster.proxy_url;
    spec["cluster"] = std::move(about);
  }
  return json{{"kind", "ExecCredential"}, {"apiVersion", plugin.api_version}, {"spec", std::move(spec)}}.dump();
}

std::vector<std::string> environment(const ExecPlugin& plugin, const ClusterConfig& cluster) {
  std::vector<std::string> all;
  const auto set = [&](const std::string& name, const std::string& value) {
    std::erase_if(all, [&](const std::string& entry) { return entry.starts_with(name + "="); });
    all.push_back(name + "=" + value);
  };
  for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
  for (const auto& [name, value] : plugin.env) set(name, value);
  set("KUBERNETES_EXEC_INFO", exec_info(plugin, cluster));
  return all;
}

/// Its own process group, so that whatever it starts ends with it.
class Child {
 public:
  Child(const ExecPlugin& plugin, const ClusterConfig& cluster) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw refusal(plugin, std::strerror(errno));
    base::Fd write_end(ends[1]);
    out_ = base::Fd(ends[0]);
    std::vector<std::string> words{plugin.command}, env = environment(plugin, cluster);
    words.insert(words.end(), plugin.args.begin(), plugin.args.end());
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> all;
      all.reserve(texts.size() + 1);
      for (auto& text : texts) all.push_back(text.data());
      all.push_back(nullptr);
      return all;
    };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    const int error = posix_spawnp(&pid_, plugin.command.c_str(), &actions, &attributes, pointers(words).data(), pointers(env).data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) throw refusal(plugin, std::string("cannot be started: ") + std::strerror(error));
  }
  ~Child() {
    if (pid_ > 0) kill(-pid_, SIGKILL);
    if (pid_ > 0 && !waited_) wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int out() const { return out_.get(); }
  int wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    waited_ = true;
    return status;
  }

 private:
  base::Fd out_;
  pid_t pid_ = -1;
  bool waited_ = false;
};

std::string read_answer(const ExecPlugin& plugin, int fd, steady_clock::time_point deadline) {
  std::string answer;
  char buffer[4096];
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) == 0) {
      throw refusal(plugin, "no answer within " + std::to_string(exec_ms_max / 1000) + " s");
    }
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return answer;
    answer.append(buffer, static_cast<size_t>(n));
    if (answer.size() > exec_answer_bytes_max) throw refusal(plugin, "answers more than " + base::bytes_text(exec_answer_bytes_max));
  }
}

int64_t time_of(const std::string& text, const ExecPlugin& plugin) {
  const auto time = base::from_rfc3339(text);
  if (!time) throw refusal(plugin, "its `expirationTimestamp` is no time");
  return *time;
}

}  // namespace

ExecCredential parse_exec_answer(std::string_view text, const ExecPlugin& plugin) {
  json answer;
  try {
    answer = base::parse_json(text, {exec_answer_bytes_max, 16});
  } catch (const Error&) {
    throw refusal(plugin, "its answer is no JSON");
  }
  const auto text_at = [](const json& object, const char* member) {
    return object.is_object() && object.contains(member) && object[member].is_string() ? object[member].get<std::string>() : std::string();
  };
  if (text_at(answer, "kind") != "ExecCredential") throw refusal(plugin, "its answer is no ExecCredential");
  if (text_at(answer, "apiVersion") != plugin.api_version) {
    throw refusal(plugin, "answers in another apiVersion than " + base::printable(plugin.api_version, 80));
  }
  const json status = answer.value("status", json());
  ExecCredential credential;
  credential.token = text_at(status, "token");
  credential.certificate_pem = text_at(status, "clientCertificateData");
  credential.key_pem = text_at(status, "clientKeyData");
  if (credential.token.empty() && credential.certificate_pem.empty()) throw refusal(plugin, "its answer holds no credential");
  if (credential.certificate_pem.empty() != credential.key_pem.empty()) throw refusal(plugin, "answers a certificate or a key alone");
  if (const auto at = text_at(status, "expirationTimestamp"); !at.empty()) credential.expires_unix_ms = time_of(at, plugin);
  return credential;
}

ExecCredential run_exec_plugin(const ExecPlugin& plugin, const ClusterConfig& cluster) {
  if (plugin.command.empty()) throw refusal(plugin, "`command` is empty");
  const auto deadline = steady_clock::now() + std::chrono::milliseconds(exec_ms_max);
  Child child(plugin, cluster);
  const std::string answer = read_answer(plugin, child.out(), deadline);
  const int status = child.wait();
  if (WIFSIGNALED(status)) throw refusal(plugin, "ended by signal " + std::to_string(WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0) throw refusal(plugin, "ended with exit code " + std::to_string(WEXITSTATUS(status)));
  return parse_exec_answer(answer, plugin);
}

}  // namespace operon::kube

#include "cluster.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "core/base/ids.hpp"

extern char** environ;

namespace operon::kube::test {

using nlohmann::json;

ClusterConfig cluster(const std::string& context) {
  const char* file = std::getenv("KUBECONFIG");
  REQUIRE(file != nullptr);
  return resolve({file, context});
}

Namespace::Namespace() : client(cluster()), name_("operon-test-" + base::random_hex(4)) {
  api.create(namespaces, "", {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name_}}}});
}

Namespace::~Namespace() {
  try {
    api.remove(namespaces, {"", name_});
  } catch (const Error&) {
  }
}

json Namespace::config_map(const std::string& name, const std::string& value, const std::string& label) const {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", name}, {"namespace", name_}, {"labels", {{"chosen", label}}}}},
          {"data", {{"value", value}}}};
}

json Namespace::put(const std::string& name, const std::string& value, const std::string& label) {
  return api.apply(config_maps, {name_, name}, config_map(name, value, label), {"test", true}).parse();
}

FaultProxy::FaultProxy(bool keep_alive) {
  const auto upstream = cluster();
  const char* source = std::getenv("OPERON_SOURCE_DIR");
  std::vector<std::string> words{"python3", "-B", std::string(source ? source : ".") + "/tests/harness/fault_proxy.py", "--upstream",
                                 upstream.server};
  if (!upstream.ca_pem.empty()) {
    ca_file_ = (std::filesystem::temp_directory_path() / ("operon-ca-" + base::random_hex(6))).string();
    std::ofstream(ca_file_) << upstream.ca_pem;
    words.insert(words.end(), {"--ca", ca_file_});
  }
  if (keep_alive) words.push_back("--keep-alive");
  int in[2], out[2];
  REQUIRE(pipe2(in, O_CLOEXEC) == 0);
  REQUIRE(pipe2(out, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  REQUIRE(posix_spawnp(&pid_, "python3", &actions, nullptr, argv.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  stdin_ = in[1];
  std::string port;
  char c = 0;
  while (read(out[0], &c, 1) == 1 && c != '\n') port += c;
  close(out[0]);
  REQUIRE_FALSE(port.empty());
  server_ = "http://127.0.0.1:" + port;
}

FaultProxy::~FaultProxy() {
  close(stdin_);
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
  if (!ca_file_.empty()) std::filesystem::remove(ca_file_);
}

ClusterConfig FaultProxy::config() const {
  auto config = cluster();
  config.server = server_;
  config.ca_pem.clear();
  config.method = "through the fault proxy";
  return config;
}

void FaultProxy::rules(const json& list) {
  Client client(config());
  Request request;
  request.method = "POST";
  request.path = "/_faults";
  request.body = list.dump();
  REQUIRE(client.fetch(request).status == 200);
}

json FaultProxy::told() {
  Client client(config());
  Request request;
  request.path = "/_faults";
  return json::parse(client.fetch(request).body);
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds within) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace operon::kube::test

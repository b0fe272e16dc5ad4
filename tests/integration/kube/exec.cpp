#include "core/kube/exec.hpp"

#include <atomic>

#include "cluster.hpp"
#include "core/kube/status.hpp"

using namespace operon;
using namespace operon::kube;
using namespace operon::kube::test;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

const Resource pods{"", "v1", "pods"};

/// A pod that sleeps; needs a node and an image with a shell ($OPERON_TEST_IMAGE).
bool start_pod(Namespace& ns) {
  const char* image = std::getenv("OPERON_TEST_IMAGE");
  if (image == nullptr) return false;
  ns.api.create(pods, ns.name(),
                {{"apiVersion", "v1"},
                 {"kind", "Pod"},
                 {"metadata", {{"name", "a"}}},
                 {"spec",
                  {{"automountServiceAccountToken", false},
                   {"terminationGracePeriodSeconds", 0},
                   {"containers", json::array({{{"name", "c"},
                                                {"image", image},
                                                {"imagePullPolicy", "IfNotPresent"},
                                                {"command", {"sh", "-c", "echo ready; sleep 600"}}}})}}}});
  return eventually(
      [&] {
        return ns.api.get(pods, {ns.name(), "a"}).value("/status/phase"_json_pointer, "") == "Running";
      },
      milliseconds(60'000));
}

struct Ran {
  int code = -1;
  std::string output, error;
};

Ran run(Namespace& ns, std::vector<std::string> command, const std::string& input = "", bool with_input = false) {
  Ran ran;
  ExecRequest request{ns.name(), "a", "", std::move(command), input, with_input, milliseconds(20'000)};
  ran.code = exec(ns.client, request, [&](ExecStream stream, std::string_view bytes) {
    (stream == ExecStream::output ? ran.output : ran.error) += bytes;
    return true;
  });
  return ran;
}

}  // namespace

TEST_CASE_METHOD(Namespace, "a pod that is not there has no commands") {
  ExecRequest request{name(), "none", "", {"true"}, "", false, milliseconds(5000)};
  try {
    exec(client, request, [](ExecStream, std::string_view) { return true; });
    FAIL("it ran");
  } catch (const Error& e) {
    CHECK(is_not_found(e));
    CHECK(std::string(e.what()).find("pods \"none\" not found") != std::string::npos);
  }
}

TEST_CASE_METHOD(Namespace, "commands in a container: output, exit code, input, end") {
  if (!start_pod(*this)) {
    WARN("no node to run pods on: set OPERON_TEST_IMAGE to an image with sh that the nodes have");
    return;
  }
  Request log;
  log.path = pods.path(name(), "a", "log");
  log.query = {{"follow", "true"}};
  log.accept = "*/*";
  log.own_connection = true;
  std::atomic<bool> read{false}, ended{false};
  const auto following = client.stream(log, {nullptr,
                                             [&](std::string_view bytes) {
                                               read = bytes == "ready\n";
                                               return true;
                                             },
                                             [&](std::optional<Error> error) { ended = error && error->code() == Code::cancelled; }});
  CHECK(eventually([&] { return read.load(); }));
  client.cancel(following);
  CHECK(eventually([&] { return ended.load(); }));
  const auto both = run(*this, {"sh", "-c", "echo out; echo err >&2; exit 7"});
  CHECK(both.code == 7);
  CHECK(both.output == "out\n");
  CHECK(both.error == "err\n");
  CHECK(run(*this, {"true"}).code == 0);
  CHECK(run(*this, {"echo", "$(id); a b", "*"}).output == "$(id); a b *\n");
  CHECK(run(*this, {"sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"}).output.size() == 3'000'000);
  CHECK(run(*this, {"sh", "-c", "wc -c"}, std::string(200'000, 'i'), true).output == "200000\n");
  CHECK_THROWS_AS(run(*this, {"/no/such/program"}), Error);
  const auto begun = std::chrono::steady_clock::now();
  ExecRequest slow{name(), "a", "c", {"sleep", "60"}, "", false, milliseconds(500)};
  CHECK_THROWS_AS(exec(client, slow, [](ExecStream, std::string_view) { return true; }), Error);
  CHECK(std::chrono::steady_clock::now() - begun < milliseconds(5000));
}

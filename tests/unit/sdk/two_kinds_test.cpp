/// One class of two kinds, one verb of each in the other style, and a helper that shares a verb's name.
#include "subject.hpp"

using namespace operon;
using namespace operon::sdk;

namespace {

class Both : public JobRunner, public TargetProvider {
 public:
  static constexpr bool serial = true;
  RunState start(Call&, const StartRequest& request) override { return state(request.job_id, Phase::running); }
  std::vector<RunState> list(Call&, const JobListRequest&) override { return {state("a", Phase::failed), state("b", Phase::stopped)}; }
  RunState inspect(Call&, const RunRequest& request) override { return state(request.job_id, Phase::pending); }
  void logs_async(AsyncCall<LogsAnswer> call, LogsRequest request) override {
    call.try_emit(Stream::event, dump(nlohmann::json(LogEvent{request.offset, {}})));
    call.try_emit(Stream::out, "bytes");
    call.reply({request.offset + 5});
  }
  RunState stop(Call&, const StopRequest& request) override { return stop(request.job_id); }
  RunState stop(const std::string& id) { return state(id, Phase::stopped); }
  RunState recover(Call&, const RunRequest& request) override { throw Error(Code::not_found, "no run " + request.job_id); }
  void destroy(Call&, const RunRequest&) override {}

  std::vector<Cluster> list(Call&, const TargetListRequest&) override { return {{"c1", ""}}; }
  void get_async(AsyncCall<ClusterAccess> call, ClusterRequest request) override { call.reply({request.cluster_name, "https://x", {}}); }
  ProbeAnswer probe(Call&, const ClusterRequest&) override { return {true, ""}; }

  static auto interfaces() { return std::vector{JobRunner::interface_of<Both>(), TargetProvider::interface_of<Both>()}; }

 private:
  static RunState state(const std::string& id, Phase phase) {
    RunState s;
    s.job_id = id;
    s.phase = phase;
    return s;
  }
};

constexpr auto runner = kinds::job_runner::id;
constexpr auto provider = kinds::target_provider::id;

}  // namespace

TEST_CASE("each verb of each kind reaches its own function") {
  subject::Running<Both> host;
  StartRequest start;
  start.job_id = "j1";
  start.scenario_name = "s";
  start.scenario_image = "dir://s";
  CHECK(host.call(runner, "start", start).as<RunState>().phase == Phase::running);
  CHECK(host.call(runner, "validate", start).json() == nlohmann::json::object());
  CHECK(host.call(runner, "list").items_as<RunState>().at(1).phase == Phase::stopped);
  CHECK(host.call(runner, "stop", StopRequest{"j2", {}, 1}).as<RunState>().job_id == "j2");
  CHECK(host.call(runner, "recover", RunRequest{"j3", {}}).error->what() == std::string("no run j3"));
  CHECK(host.call(runner, "destroy", RunRequest{"j3", {}}).ok());
  const auto logs = host.call(runner, "logs", LogsRequest{"j1", {}, 10, false});
  CHECK(logs.bytes() == "bytes");
  CHECK(logs.events().at(0) == nlohmann::json{{"offset", 10}});
  CHECK(logs.as<LogsAnswer>().end_offset == 15);

  CHECK(host.call(provider, "list").items_as<Cluster>().at(0).cluster_name == "c1");
  CHECK(host.call(provider, "get", ClusterRequest{"c9"}).as<ClusterAccess>().cluster_name == "c9");
  CHECK(host.call(provider, "probe", ClusterRequest{"c1"}).as<ProbeAnswer>().reachable);
  CHECK(host.breaches().empty());
}

TEST_CASE("flags of the kinds' verbs") {
  subject::Running<Both> host;
  CHECK(host.flags(runner, "start") == OPERON_VERB_MUTATES);
  CHECK(host.flags(runner, "stop") == OPERON_VERB_MUTATES);
  CHECK(host.flags(runner, "destroy") == OPERON_VERB_MUTATES);
  CHECK(host.flags(runner, "logs") == OPERON_VERB_STREAMS);
  CHECK(host.flags(provider, "list") == OPERON_VERB_STREAMS);
  CHECK(host.flags(provider, "get") == 0);
  CHECK_FALSE(host.offers(provider, "start"));
  CHECK_FALSE(host.offers("operon.moon/1", "start"));
}

TEST_CASE("a wrong request is refused before the author's code, naming the member") {
  subject::Running<Both> host;
  const auto result = host.call(runner, "logs", {{"jobId", "j"}, {"offset", -1}});
  CHECK(result.code == Code::invalid_argument);
  CHECK(result.error->field() == "offset");
}

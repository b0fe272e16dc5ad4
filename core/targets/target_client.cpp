#include "core/targets/target_client.hpp"

#include <nlohmann/json.hpp>

#include "core/base/json.hpp"
#include "operon/kinds/target_provider_json.hpp"

namespace operon::targets {

namespace tp = kinds::target_provider;

namespace {

/// Turns an answer into its struct; a provider's nonsense is INTERNAL, naming the provider and never quoting the answer (it may hold a
/// kubeconfig).
template <typename T>
T parsed(std::string_view json, const std::string& provider, const char* verb) {
  try {
    return base::parse_json(json).get<T>();
  } catch (const std::exception&) {
    throw Error(Code::internal,
                "target provider '" + provider + "' answered '" + verb + "' with something that is not what the interface says");
  }
}

/// Collects the items of one list call.
class Collector final : public plugin::CallObserver {
 public:
  Collector(std::string provider, size_t clusters_max, std::function<void(ListOutcome)> done)
      : provider_(std::move(provider)), clusters_max_(clusters_max), done_(std::move(done)) {}

  bool on_chunk(uint32_t stream, std::string_view data) noexcept override {
    if (stream != OPERON_STREAM_ITEM || outcome_.error) return true;
    try {
      if (outcome_.clusters.size() >= clusters_max_)
        throw Error(Code::resource_exhausted,
                    "target provider '" + provider_ + "' lists more than clusters_max (" + std::to_string(clusters_max_) + ") clusters");
      outcome_.clusters.push_back(parsed<tp::Cluster>(data, provider_, tp::verb::list));
    } catch (const Error& e) {
      outcome_.error = e;
    } catch (...) {
      outcome_.error.emplace(Code::resource_exhausted, "no memory for the list of target provider '" + provider_ + "'");
    }
    return true;
  }

  void on_end(plugin::Outcome end) noexcept override {
    if (end.code != Code::ok && !outcome_.error)
      outcome_.error = end.error ? *end.error : Error(end.code, "target provider '" + provider_ + "' failed");
    done_(std::move(outcome_));
  }

 private:
  std::string provider_;
  size_t clusters_max_;
  std::function<void(ListOutcome)> done_;
  ListOutcome outcome_;
};

}  // namespace

TargetClient::TargetClient(std::shared_ptr<plugin::Instance> instance) : instance_(std::move(instance)) {}

plugin::CallHandle TargetClient::list(std::chrono::milliseconds timeout, size_t clusters_max, std::function<void(ListOutcome)> done) const {
  plugin::CallContext context;
  context.timeout = timeout;
  return instance_->start(instance_->find(tp::id, tp::verb::list), "{}", context,
                          std::make_shared<Collector>(name(), clusters_max, std::move(done)));
}

std::string TargetClient::ask(const char* verb, const std::string& cluster_name, std::chrono::milliseconds timeout) const {
  const auto ref = instance_->find(tp::id, verb);
  if (!ref) throw Error(Code::unimplemented, "target provider '" + name() + "' does not offer the verb '" + verb + "'");
  plugin::CallContext context;
  context.timeout = timeout;
  try {
    return instance_->call(ref, nlohmann::json(tp::ClusterRequest{cluster_name}).dump(), context);
  } catch (const Error& e) {
    // The provider's credentials were refused, not the caller's.
    if (e.code() == Code::permission_denied || e.code() == Code::unauthenticated) throw Error(Code::unavailable, e.what());
    throw;
  }
}

tp::ClusterAccess TargetClient::get(const std::string& cluster_name, std::chrono::milliseconds timeout) const {
  return parsed<tp::ClusterAccess>(ask(tp::verb::get, cluster_name, timeout), name(), tp::verb::get);
}

tp::ProbeAnswer TargetClient::probe(const std::string& cluster_name, std::chrono::milliseconds timeout) const {
  return parsed<tp::ProbeAnswer>(ask(tp::verb::probe, cluster_name, timeout), name(), tp::verb::probe);
}

}  // namespace operon::targets

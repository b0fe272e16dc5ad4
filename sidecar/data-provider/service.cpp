#include "service.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

#include "cancellation.hpp"
#include "core/base/text.hpp"
#include "core/log/log.hpp"
#include "dataprovider.grpc.pb.h"
#include "kubectl.hpp"
#include "listing.hpp"
#include "operon/error.hpp"
#include "rpc.hpp"

namespace operon::data_provider {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using AsyncService = dataprovider::DataProviderService::AsyncService;

milliseconds time_left(const grpc::ServerContext& context, const CallLimits& limits) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return limits.call_s_default;
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::system_clock::now());
  return std::clamp<milliseconds>(left, milliseconds(0), limits.call_s_max);
}

kube::Resource core_resource(const char* plural, bool namespaced) {
  return {"", "v1", plural, namespaced};
}

/// What all calls share.
struct Desk {
  Provider& provider;
  AsyncService service{};
};

/// A call, from its request to its status. `Self` has `method`, its name, and `await`, how to wait for one; it sees to it that finish()
/// comes once.
template <class Self, class Request, class Response>
class Call : public UnaryRpc<Request, Response> {
 public:
  static void wait(Desk& desk, EventQueue& queue) {
    Call* call = new Self(desk, queue);
    (desk.service.*Self::await)(&call->context_, &call->request_, &call->writer_, queue.get(), queue.get(), call->begun());
  }

 protected:
  Call(Desk& desk, EventQueue& queue) : UnaryRpc<Request, Response>(queue), provider_(desk.provider), desk_(desk) {}

  /// Begins the call. What it throws is the call's end.
  virtual void start() = 0;

  void finish() {
    tell("OK", log::Level::debug, "");
    end(grpc::Status::OK);
  }
  void finish(const Error& error) {
    tell(std::to_string(static_cast<int>(error.code())), log::Level::info, error.what());
    end(status_of(error));
  }
  /// What `step` throws is the call's end.
  template <class Step>
  void attempt(Step&& step) {
    try {
      step();
    } catch (const Error& e) {
      finish(e);
    } catch (const std::exception& e) {
      log::error("a call failed", {{"method", Self::method}, {"error", e.what()}});
      finish(Error(Code::internal, "the data provider failed; its log says why"));
    }
  }
  milliseconds time_left() const { return data_provider::time_left(this->context_, provider_.options.calls); }

  Provider& provider_;

 private:
  void renew() final { wait(desk_, this->queue_); }
  void work() final {
    began_ = steady_clock::now();
    attempt([this] {
      provider_.gate.enter();
      entered_ = true;
      start();
    });
  }
  /// Makes room before the caller has the answer: the events of the end may come long after the caller's next call.
  void end(const grpc::Status& status) {
    if (entered_) provider_.gate.leave();
    this->answer(status);
  }
  void tell(const std::string& code, log::Level level, const char* error) const {
    if (!log::enabled(level)) return;
    const auto ms = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began_).count();
    log::write(level, "call", {{"method", Self::method}, {"code", code}, {"ms", std::to_string(ms)}, {"error", error}});
  }

  Desk& desk_;
  steady_clock::time_point began_;
  bool entered_ = false;
};

/// A call about the cluster of its kubeconfig. One that was not seen before is read in the background, so that a large or hostile one holds
/// up nobody else.
template <class Self, class Request, class Response>
class ClusterCall : public Call<Self, Request, Response> {
 protected:
  using Call<Self, Request, Response>::Call;

  /// On the queue's thread, as start(); not when the caller has gone meanwhile.
  virtual void ask(const ClusterPool::Cluster&) = 0;
  /// The caller has gone; maybe before ask().
  virtual void give_up() = 0;

 private:
  void start() final {
    if (const auto cluster = this->provider_.clusters.find(this->request_.kubeconfig_base64())) return ask(*cluster);
    this->provider_.background.post([this] {
      std::optional<Error> error;
      std::optional<ClusterPool::Cluster> cluster;
      try {
        cluster = this->provider_.clusters.get(this->request_.kubeconfig_base64());
      } catch (const Error& e) {
        error = e;
      } catch (const std::exception& e) {
        error = Error(Code::internal, e.what());
      }
      this->queue_.post([this, error = std::move(error), cluster = std::move(cluster)] {
        this->attempt([&] {
          if (error) throw Error(*error);
          if (gone_) throw Error(Code::cancelled, "the caller has gone");
          ask(*cluster);
        });
      });
    });
  }
  void cancel() final {
    gone_ = true;
    give_up();
  }

  bool gone_ = false;
};

template <class Request>
kube::ListOptions options_of(const Request& request) {
  kube::ListOptions options;
  if (request.limit() < 0) throw Error(Code::invalid_argument, "limit: must not be negative");
  options.limit = static_cast<unsigned>(request.limit());
  options.label_selector = request.label_selector();
  options.field_selector = request.field_selector();
  options.continue_token = request.continue_();
  return options;
}

/// A page of names.
template <class Self, class Request, class Response>
class ListCall : public ClusterCall<Self, Request, Response> {
 protected:
  using ClusterCall<Self, Request, Response>::ClusterCall;

  void list(const ClusterPool::Cluster& cluster, ListQuery query, std::function<void(std::string_view, std::string_view)> name) {
    const auto deadline = steady_clock::now() + this->time_left();
    ListSink sink{std::move(name), {}, [this](std::optional<Error> error, std::string token) {
                    if (error) return this->finish(*error);
                    this->response_.set_continue_(std::move(token));
                    this->finish();
                  }};
    listing_ = std::make_shared<Listing>(cluster.client, std::move(query), std::move(sink), this->provider_.options.listing, deadline);
    listing_->start();
  }

 private:
  void give_up() final {
    if (listing_) listing_->cancel();
  }

  std::shared_ptr<Listing> listing_;
};

class PodsCall final : public ListCall<PodsCall, dataprovider::GetPodsRequest, dataprovider::GetPodsResponse> {
 public:
  static constexpr const char* method = "GetPods";
  static constexpr auto await = &AsyncService::RequestGetPods;
  using ListCall::ListCall;

 private:
  void ask(const ClusterPool::Cluster& cluster) override {
    kube::ListOptions options = options_of(request_);
    options.name_space = request_.namespace_();
    list(cluster, {core_resource("pods", true), options}, [this](std::string_view name, std::string_view name_space) {
      response_.add_names(name.data(), name.size());
      response_.add_namespaces(name_space.data(), name_space.size());
    });
  }
};

class NamespacesCall final : public ListCall<NamespacesCall, dataprovider::GetNamespacesRequest, dataprovider::GetNamespacesResponse> {
 public:
  static constexpr const char* method = "GetNamespaces";
  static constexpr auto await = &AsyncService::RequestGetNamespaces;
  using ListCall::ListCall;

 private:
  void ask(const ClusterPool::Cluster& cluster) override {
    list(cluster, {core_resource("namespaces", false), options_of(request_)},
         [this](std::string_view name, std::string_view) { response_.add_namespaces(name.data(), name.size()); });
  }
};

/// Of all calls for one cluster's nodes at nearly the same time, the first lists them.
class NodesCall final : public ClusterCall<NodesCall, dataprovider::GetNodesRequest, dataprovider::GetNodesResponse> {
 public:
  static constexpr const char* method = "GetNodes";
  static constexpr auto await = &AsyncService::RequestGetNodes;
  using ClusterCall::ClusterCall;

 private:
  void ask(const ClusterPool::Cluster& cluster) override {
    asked_ = std::make_shared<SharedList::Asked>();
    asked_->deadline = steady_clock::now() + time_left();
    asked_->done = [this](const Error* error, const SharedList::Names& names) {
      if (error) return finish(*error);
      for (const auto& name : names) response_.add_nodes(name);
      finish();
    };
    asked_->begin = [client = cluster.client, limits = provider_.options.listing](auto deadline, SharedList::Ended ended) {
      return list(client, limits, deadline, std::move(ended));
    };
    list_ = cluster.nodes;
    list_->ask(asked_);
  }

  void give_up() override {
    if (list_) list_->cancel(asked_);
  }
  static SharedList::Cancel list(const ClusterPool::Client& client, const ListingLimits& limits, steady_clock::time_point deadline,
                                 SharedList::Ended ended) {
    kube::ListOptions options;
    options.limit = 0;
    auto names = std::make_shared<SharedList::Names>();
    ListSink sink{
        [names](std::string_view name, std::string_view) { names->emplace_back(name); }, [names] { names->clear(); },
        [names, ended = std::move(ended)](std::optional<Error> error, const std::string&) { ended(std::move(error), std::move(*names)); }};
    auto listing =
        std::make_shared<Listing>(client, ListQuery{core_resource("nodes", false), options, true}, std::move(sink), limits, deadline);
    listing->start();
    return [listing] { listing->cancel(); };
  }

  std::shared_ptr<SharedList> list_;
  std::shared_ptr<SharedList::Asked> asked_;
};

class KubectlCall final : public Call<KubectlCall, dataprovider::ExecuteKubectlRequest, dataprovider::ExecuteKubectlResponse> {
 public:
  static constexpr const char* method = "ExecuteKubectl";
  static constexpr auto await = &AsyncService::RequestExecuteKubectl;
  using Call::Call;

 private:
  void start() override {
    const auto& request = request_;
    const KubectlSettings& settings = provider_.options.kubectl;
    KubectlCommand asked{request.command(), request.subcommand(), {request.args().begin(), request.args().end()}, {}, {}};
    asked.flags.assign(request.flags().begin(), request.flags().end());
    std::sort(asked.flags.begin(), asked.flags.end());
    asked.boolean_flags.assign(request.boolean_flags().begin(), request.boolean_flags().end());
    auto arguments = kubectl_arguments(settings, asked);
    if (request.timeout_seconds() < 0) throw Error(Code::invalid_argument, "timeout_seconds: must not be negative");
    const std::chrono::seconds wanted(request.timeout_seconds());
    const milliseconds limit = wanted.count() == 0 ? settings.timeout_default : std::min(wanted, settings.timeout_max);
    const milliseconds timeout = std::min(limit, time_left());
    provider_.kubectl_gate.enter();
    try {
      std::thread([this, arguments = std::move(arguments), timeout] { run(arguments, timeout); }).detach();  // the gate knows of it
    } catch (...) {
      provider_.kubectl_gate.leave();
      throw;
    }
  }

  void cancel() override { cancellation_.cancel(); }

  void run(const std::vector<std::string>& arguments, milliseconds timeout) {
    CallGate& gate = provider_.kubectl_gate;
    std::optional<Error> failed;
    try {
      const KubectlAnswer answer = run_kubectl(provider_.options.kubectl, arguments, request_.kubeconfig_base64(), timeout, cancellation_);
      response_.set_stdout_base64(base::base64_encode(answer.out));
      response_.set_stderr_base64(base::base64_encode(answer.err));
      response_.set_exit_code(answer.exit_code);
      response_.set_error(answer.error);
    } catch (const Error& e) {
      failed = e;
    } catch (const std::exception& e) {
      failed = Error(Code::internal, std::string("kubectl: ") + e.what());
    }
    if (failed) {
      finish(*failed);  // this is gone afterwards
    } else {
      finish();
    }
    gate.leave();
  }

  Cancellation cancellation_;
};

class DataProviderService final : public Served {
 public:
  explicit DataProviderService(Provider& provider) : desk_{provider} {}

  grpc::Service& service() override { return desk_.service; }
  void serve(EventQueue& queue) override {
    NodesCall::wait(desk_, queue);
    PodsCall::wait(desk_, queue);
    NamespacesCall::wait(desk_, queue);
    KubectlCall::wait(desk_, queue);
  }

 private:
  Desk desk_;
};

}  // namespace

std::unique_ptr<Served> make_service(Provider& provider) {
  return std::make_unique<DataProviderService>(provider);
}

}  // namespace operon::data_provider

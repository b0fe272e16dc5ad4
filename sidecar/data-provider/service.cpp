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

namespace operon::data_provider {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t message_bytes_max = 1024;  // it travels in a trailer

grpc::Status status_of(const Error& error) {
  return {static_cast<grpc::StatusCode>(error.code()), base::printable(error.what(), message_bytes_max)};
}

milliseconds time_left(const CallbackServerContext& context, const CallLimits& limits) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return limits.call_s_default;
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::system_clock::now());
  return std::clamp<milliseconds>(left, milliseconds(0), limits.call_s_max);
}

kube::Resource core_resource(const char* plural, bool namespaced) {
  return {"", "v1", plural, namespaced};
}

/// A call, from its request to its status; deletes itself when gRPC is done with it. Subclasses see to it that finish() comes once.
class Call : public ServerUnaryReactor {
 public:
  Call(Provider& provider, const char* method) : provider_(provider), method_(method), began_(steady_clock::now()) {}

  /// `work` begins the call. What it throws is the call's end.
  template <class Work>
  ServerUnaryReactor* begin(Work&& work) {
    try {
      provider_.gate.enter();
      entered_ = true;
      work();
    } catch (const Error& e) {
      finish(e);
    } catch (const std::exception& e) {
      log::error("a call failed", {{"method", method_}, {"error", e.what()}});
      finish(Error(Code::internal, "the data provider failed; its log says why"));
    }
    return this;
  }

  void OnDone() override { delete this; }

 protected:
  ~Call() override = default;

  void finish() {
    tell("OK", log::Level::debug, "");
    end(grpc::Status::OK);
  }
  void finish(const Error& error) {
    tell(std::to_string(static_cast<int>(error.code())), log::Level::info, error.what());
    end(status_of(error));
  }

  Provider& provider_;

 private:
  /// Makes room before the caller has the answer: OnDone() may come long after the caller's next call.
  void end(const grpc::Status& status) {
    if (entered_) provider_.gate.leave();
    Finish(status);
  }
  void tell(const std::string& code, log::Level level, const char* error) const {
    if (!log::enabled(level)) return;
    const auto ms = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began_).count();
    log::write(level, "call", {{"method", method_}, {"code", code}, {"ms", std::to_string(ms)}, {"error", error}});
  }

  const char* const method_;
  const steady_clock::time_point began_;
  bool entered_ = false;
};

class ListCall final : public Call {
 public:
  using Call::Call;

  void start(const CallbackServerContext& context, const std::string& kubeconfig_base64, ListQuery query,
             std::function<void(std::string_view, std::string_view)> name, std::function<void()> restart,
             std::function<void(std::string)> next) {
    const auto deadline = steady_clock::now() + time_left(context, provider_.options.calls);
    ListSink sink{std::move(name), std::move(restart), [this, next = std::move(next)](std::optional<Error> error, std::string token) {
                    if (error) return finish(*error);
                    if (next) next(std::move(token));
                    finish();
                  }};
    listing_ = std::make_shared<Listing>(provider_.clusters.get(kubeconfig_base64).client, std::move(query), std::move(sink),
                                         provider_.options.listing, deadline);
    listing_->start();
  }

  void OnCancel() override {
    if (listing_) listing_->cancel();
  }

 private:
  std::shared_ptr<Listing> listing_;
};

/// Of all calls for one cluster's nodes at nearly the same time, the first lists them.
class NodesCall final : public Call {
 public:
  explicit NodesCall(Provider& provider) : Call(provider, "GetNodes") {}

  void start(const CallbackServerContext& context, const std::string& kubeconfig_base64, dataprovider::GetNodesResponse& response) {
    const auto cluster = provider_.clusters.get(kubeconfig_base64);
    asked_ = std::make_shared<SharedList::Asked>();
    asked_->deadline = steady_clock::now() + time_left(context, provider_.options.calls);
    asked_->done = [this, &response](const Error* error, const SharedList::Names& names) {
      if (error) return finish(*error);
      for (const auto& name : names) response.add_nodes(name);
      finish();
    };
    asked_->begin = [client = cluster.client, limits = provider_.options.listing](auto deadline, SharedList::Ended ended) {
      return list(client, limits, deadline, std::move(ended));
    };
    list_ = cluster.nodes;
    list_->ask(asked_);
  }

  void OnCancel() override {
    if (list_) list_->cancel(asked_);
  }

 private:
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

class KubectlCall final : public Call {
 public:
  using Call::Call;

  void start(const CallbackServerContext& context, const dataprovider::ExecuteKubectlRequest& request,
             dataprovider::ExecuteKubectlResponse& response) {
    const KubectlSettings& settings = provider_.options.kubectl;
    KubectlCommand asked{request.command(), request.subcommand(), {request.args().begin(), request.args().end()}, {}, {}};
    asked.flags.assign(request.flags().begin(), request.flags().end());
    std::sort(asked.flags.begin(), asked.flags.end());
    asked.boolean_flags.assign(request.boolean_flags().begin(), request.boolean_flags().end());
    auto arguments = kubectl_arguments(settings, asked);
    if (request.timeout_seconds() < 0) throw Error(Code::invalid_argument, "timeout_seconds: must not be negative");
    const std::chrono::seconds wanted(request.timeout_seconds());
    const milliseconds limit = wanted.count() == 0 ? settings.timeout_default : std::min(wanted, settings.timeout_max);
    const milliseconds timeout = std::min(limit, time_left(context, provider_.options.calls));
    provider_.kubectl_gate.enter();
    try {
      std::thread([this, &request, &response, arguments = std::move(arguments), timeout] {
        run(request.kubeconfig_base64(), response, arguments, timeout);
      }).detach();  // the gate knows of it
    } catch (...) {
      provider_.kubectl_gate.leave();
      throw;
    }
  }

  void OnCancel() override { cancellation_.cancel(); }

 private:
  void run(const std::string& kubeconfig_base64, dataprovider::ExecuteKubectlResponse& response, const std::vector<std::string>& arguments,
           milliseconds timeout) {
    CallGate& gate = provider_.kubectl_gate;
    std::optional<Error> failed;
    try {
      const KubectlAnswer answer = run_kubectl(provider_.options.kubectl, arguments, kubeconfig_base64, timeout, cancellation_);
      response.set_stdout_base64(base::base64_encode(answer.out));
      response.set_stderr_base64(base::base64_encode(answer.err));
      response.set_exit_code(answer.exit_code);
      response.set_error(answer.error);
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

class Service final : public dataprovider::DataProviderService::CallbackService {
 public:
  explicit Service(Provider& provider) : provider_(provider) {}

  ServerUnaryReactor* GetNodes(CallbackServerContext* context, const dataprovider::GetNodesRequest* request,
                               dataprovider::GetNodesResponse* response) override {
    auto* call = new NodesCall(provider_);
    return call->begin([&] { call->start(*context, request->kubeconfig_base64(), *response); });
  }

  ServerUnaryReactor* GetPods(CallbackServerContext* context, const dataprovider::GetPodsRequest* request,
                              dataprovider::GetPodsResponse* response) override {
    auto* call = new ListCall(provider_, "GetPods");
    return call->begin([&] {
      kube::ListOptions options = options_of(*request);
      options.name_space = request->namespace_();
      call->start(
          *context, request->kubeconfig_base64(), {core_resource("pods", true), options},
          [response](std::string_view name, std::string_view name_space) {
            response->add_names(name.data(), name.size());
            response->add_namespaces(name_space.data(), name_space.size());
          },
          {}, [response](std::string token) { response->set_continue_(std::move(token)); });
    });
  }

  ServerUnaryReactor* GetNamespaces(CallbackServerContext* context, const dataprovider::GetNamespacesRequest* request,
                                    dataprovider::GetNamespacesResponse* response) override {
    auto* call = new ListCall(provider_, "GetNamespaces");
    return call->begin([&] {
      call->start(
          *context, request->kubeconfig_base64(), {core_resource("namespaces", false), options_of(*request)},
          [response](std::string_view name, std::string_view) { response->add_namespaces(name.data(), name.size()); }, {},
          [response](std::string token) { response->set_continue_(std::move(token)); });
    });
  }

  ServerUnaryReactor* ExecuteKubectl(CallbackServerContext* context, const dataprovider::ExecuteKubectlRequest* request,
                                     dataprovider::ExecuteKubectlResponse* response) override {
    auto* call = new KubectlCall(provider_, "ExecuteKubectl");
    return call->begin([&] { call->start(*context, *request, *response); });
  }

 private:
  Provider& provider_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_service(Provider& provider) {
  return std::make_unique<Service>(provider);
}

}  // namespace operon::data_provider

#include "core/grpc/data_provider.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <thread>

#include "core/base/text.hpp"
#include "core/grpc/channel.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"
#include "operon/error.hpp"

namespace operon::grpc_client {
namespace {

using std::chrono::milliseconds;
namespace fs = std::filesystem;
constexpr const char* library_name = "liboperon-grpc.so";
constexpr int64_t busy_retry_ms = 1'000;

fs::path find_library(const fs::path& given) {
  if (!given.empty()) return given;
  std::error_code ignored;
  const fs::path prefix = fs::read_symlink("/proc/self/exe", ignored).parent_path().parent_path();
  for (const fs::path& folder : {prefix / "lib", prefix / OPERON_LIBRARY_DIR}) {
    if (fs::exists(folder / library_name, ignored)) return folder / library_name;
  }
  throw Error(Code::unavailable, std::string(library_name) + " is neither in " + (prefix / "lib").string() + " nor in " +
                                     (prefix / OPERON_LIBRARY_DIR).string() + "; it comes with builds that have OPERON_GRPC");
}

/// Never unloaded: gRPC has threads and exit handlers.
OpenChannel load(const fs::path& library) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) throw Error(Code::unavailable, "gRPC cannot be loaded: " + std::string(dlerror()));
  auto open = reinterpret_cast<OpenChannel>(dlsym(handle, open_channel_symbol));
  if (open == nullptr) throw Error(Code::unavailable, library.string() + ": is another library");
  return open;
}

bool may_be_the_providers_fault(int code) {
  return code == OPERON_UNAVAILABLE || code == OPERON_DEADLINE_EXCEEDED;
}

Code code_of(int code) {
  return code > OPERON_OK && code <= OPERON_UNAUTHENTICATED ? static_cast<Code>(code) : Code::unknown;
}

metrics::Counter requests(const char* outcome) {
  return metrics::counter("operon_data_provider_requests_total", "Requests to the data provider, by how they ended",
                          {{"outcome", outcome}});
}

}  // namespace

struct DataProvider::Impl {
  class Call;

  Impl(DataProviderSettings s, base::Clock& clock) : settings(std::move(s)), breaker(settings.breaker, clock) {
    const OpenChannel open = load(find_library(settings.library));
    channel.reset(open(settings.address.c_str()));
    if (!channel) throw Error(Code::resource_exhausted, "no memory for a channel to the data provider");
    log::info("data provider", {{"address", settings.address}});
    watcher = std::thread([this] { watch(); });
  }
  ~Impl() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
      woken.notify_all();
    }
    channel->cancel_all();
    watcher.join();
    std::unique_lock lock(mutex);
    woken.wait(lock, [&] { return calls == 0; });
  }

  void watch();
  bool is_alive(milliseconds timeout);
  void answers();
  void is_silent(const std::string& why);
  std::string who() const { return "the data provider at " + settings.address; }

  const DataProviderSettings settings;
  CircuitBreaker breaker;
  std::unique_ptr<Channel> channel;
  const metrics::Counter ok = requests("ok"), failed = requests("error"), down = requests("down"), refused = requests("refused"),
                         busy = requests("busy");
  const metrics::Gauge up = metrics::gauge("operon_data_provider_up", "Whether the data provider answered when it was asked last");
  std::atomic<bool> known_up = false, told_down = false;
  std::mutex mutex;  // of what follows
  std::condition_variable woken;
  bool stopping = false;
  unsigned calls = 0;
  std::map<size_t, unsigned> calls_of;  // by the hash of the cluster's kubeconfig
  std::thread watcher;
};

/// One of the calls that may go on at once.
class DataProvider::Impl::Call {
 public:
  Call(Impl& impl, std::string_view kubeconfig) : impl_(impl), cluster_(std::hash<std::string_view>()(kubeconfig)) {
    std::lock_guard lock(impl_.mutex);
    const auto known = impl_.calls_of.find(cluster_);
    const unsigned of_cluster = known == impl_.calls_of.end() ? 0 : known->second;
    if (of_cluster >= impl_.settings.calls_per_cluster_max) throw busy("of this cluster ", of_cluster, "calls_per_cluster_max");
    if (impl_.calls >= impl_.settings.calls_max) throw busy("", impl_.calls, "calls_max");
    ++impl_.calls;
    impl_.calls_of[cluster_] = of_cluster + 1;
  }
  ~Call() {
    std::lock_guard lock(impl_.mutex);
    if (const auto own = impl_.calls_of.find(cluster_); --own->second == 0) impl_.calls_of.erase(own);
    if (--impl_.calls == 0 && impl_.stopping) impl_.woken.notify_all();  // at other times it would wake the watcher for nothing
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  Error busy(const std::string& whose, unsigned count, const char* limit) const {
    impl_.busy.add();
    return Error(Code::resource_exhausted,
                 std::to_string(count) + " requests " + whose + "wait for the data provider already (" + limit + "): try again later")
        .with_retry_after_ms(busy_retry_ms);
  }

  Impl& impl_;
  const size_t cluster_;
};

DataProvider::DataProvider(DataProviderSettings settings, base::Clock& clock) : impl_(std::make_unique<Impl>(std::move(settings), clock)) {}
DataProvider::~DataProvider() = default;

std::string DataProvider::trouble() const {
  if (impl_->known_up) return "";
  const std::string why = impl_->breaker.trouble();
  return impl_->who() + (why.empty() ? " has not answered yet" : " does not answer: " + why);
}

CircuitBreaker::State DataProvider::state() const {
  return impl_->breaker.state();
}

/// Any answer will do: a server without the health service is there, too.
bool DataProvider::Impl::is_alive(milliseconds timeout) {
  bool serving = false;
  const CallEnd end = channel->check_health(timeout, serving);
  const bool answered = serving || (end.code != OPERON_OK && end.code != OPERON_CANCELLED && !may_be_the_providers_fault(end.code));
  if (answered) {
    answers();
  } else if (end.code == OPERON_CANCELLED) {
    breaker.abandoned();
  } else {
    is_silent(end.code == OPERON_OK ? "it says that it does not serve" : base::printable(end.message));
  }
  return answered;
}

void DataProvider::Impl::answers() {
  breaker.succeeded();
  known_up = true;
  up.set(1);
  if (told_down.exchange(false)) log::info(who() + " answers again");
}

void DataProvider::Impl::is_silent(const std::string& why) {
  breaker.failed(why);
  known_up = false;
  up.set(0);
  if (!told_down.exchange(true)) log::warn(who() + " does not answer", {{"error", why}});
}

void DataProvider::Impl::watch() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "data-provider");
  std::unique_lock lock(mutex);
  while (!stopping) {
    lock.unlock();
    auto wait = settings.health_interval;
    if (const auto until_trial = breaker.refuse()) {
      wait = std::min(wait, *until_trial);
    } else if (!is_alive(settings.health_ms_max)) {
      wait = std::min(wait, settings.breaker.open_ms_first);
    }
    lock.lock();
    woken.wait_for(lock, wait, [&] { return stopping; });
  }
}

std::vector<std::string> DataProvider::nodes(std::string_view kubeconfig) {
  Impl& self = *impl_;
  const Impl::Call call(self, kubeconfig);
  if (const auto wait = self.breaker.refuse()) {
    self.refused.add();
    throw Error(Code::unavailable, self.who() + " does not answer: " + self.breaker.trouble())
        .with_reason("DataProviderDown")
        .with_retry_after_ms(wait->count());
  }
  // One that was silent is asked how it is first: that waits for a connection in the making, and is a cheaper trial.
  if (!self.known_up && !self.is_alive(self.settings.health_ms_max)) {
    self.down.add();
    throw Error(Code::unavailable, trouble()).with_reason("DataProviderDown");
  }
  std::vector<std::string> names;
  const CallEnd end = self.channel->get_nodes(base::base64_encode(kubeconfig), self.settings.deadline, names);
  if (end.code == OPERON_OK) {
    self.answers();
    self.ok.add();
    return names;
  }
  if (end.code == OPERON_CANCELLED) {
    self.breaker.abandoned();
  } else if (!may_be_the_providers_fault(end.code)) {
    self.answers();
  } else if (!self.is_alive(self.settings.health_ms_max)) {
    self.down.add();
    throw Error(code_of(end.code), self.who() + " does not answer: " + base::printable(end.message)).with_reason("DataProviderDown");
  }
  self.failed.add();
  throw Error(code_of(end.code), base::printable(end.message, 1024));
}

}  // namespace operon::grpc_client

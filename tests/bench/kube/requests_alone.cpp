/// bench_requests_alone write NAMESPACE COUNT
/// bench_requests_alone change NAMESPACE COUNT
/// bench_requests_alone client NAMESPACE COUNT
/// bench_requests_alone start NAMESPACE OBJECTS-FILE COUNT
///
/// What the requests take by themselves, with nothing of a host or a cache around them: something to measure those against.
///   write   COUNT patches of a Run's status, 50 a second, by one blocking libcurl handle over HTTP/2; nobody watches
///   change  the same, and another handle on another thread watches: until the event's bytes are there. Nothing is parsed or kept.
///   client  the same over core/kube's client: one thread for all connections, and a caller who waits for each answer
///   start   COUNT times a Run, then its ConfigMap and its pod at once, by core/kube's client; and, in turn, a ConfigMap
///           and then a pod, as without a record.
///           OBJECTS-FILE has them as {"id", "uid", "run", "configmap", "pod"}; id and the Run's uid are exchanged in each.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/base/ids.hpp"
#include "core/jobs/run_object.hpp"
#include "core/kube/api.hpp"
#include "core/kube/handle.hpp"
#include "core/net/curl_library.hpp"
#include "tests/bench/kube/cost.hpp"

namespace {

using nlohmann::json;
namespace bench = operon::bench;
namespace kube = operon::kube;

constexpr std::chrono::milliseconds apart{20};  // 50 a second
constexpr std::chrono::seconds last_event_max{10};
constexpr size_t first_ones = 5;  // open connections; not counted

double p50(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

size_t ignore(char*, size_t size, size_t count, void*) {
  return size * count;
}

void patch(CURL* easy, const std::string& body) {
  const auto& curl = operon::net::curl_library();
  curl.easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
  curl.easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  const CURLcode code = curl.easy_perform(easy);
  long status = 0;
  curl.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK || status != 200)
    throw std::runtime_error(std::string(curl.easy_strerror(code)) + ", status " + std::to_string(status));
}

/// A libcurl handle of its own, with its own connection.
struct OwnHandle : kube::Handle {
  OwnHandle(const kube::TransferSettings& settings, std::shared_ptr<const kube::Identity> identity, const std::string& path,
            const std::string& query, const char* content_type)
      : Handle(settings, std::move(identity)) {
    const auto& curl = operon::net::curl_library();
    lead_to(path, query);
    if (content_type != nullptr) headers = curl.slist_append(headers, content_type);
    const auto& authorization = this->identity()->authorization;
    if (!authorization.empty()) headers = curl.slist_append(headers, ("Authorization: " + authorization).c_str());
    curl.easy_setopt(easy(), CURLOPT_HTTPHEADER, headers);
    curl.easy_setopt(easy(), CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  }
  ~OwnHandle() { operon::net::curl_library().slist_free_all(headers); }
  OwnHandle(const OwnHandle&) = delete;
  OwnHandle& operator=(const OwnHandle&) = delete;
  curl_slist* headers = nullptr;
};

/// When each mark of a written status was first among the bytes of a watch.
struct Seen {
  explicit Seen(size_t count) : at(count), mark(std::to_string(bench::now_seconds()) + " ") {}

  std::vector<std::atomic<double>> at;
  const std::string mark;   ///< before the number
  std::promise<void> last;  ///< is there
  std::atomic<bool> over{false};

  void take(std::string_view text) {
    const auto place = text.find(mark);
    if (place == text.npos) return;
    size_t number = at.size();
    std::from_chars(text.data() + place + mark.size(), text.data() + text.size(), number);
    if (number >= at.size() || at[number] != 0) return;
    at[number] = bench::now_seconds();
    if (number + 1 == at.size()) last.set_value();
  }
  static size_t on_bytes(char* data, size_t, size_t bytes, void* self) {
    auto& seen = *static_cast<Seen*>(self);
    seen.take({data, bytes});
    return seen.over ? 0 : bytes;
  }
};

/// The Run that is written, and where a watch begins.
struct Place {
  Place(kube::Client& client, const std::string& name_space) {
    const auto& resource = operon::jobs::run_resource();
    const auto list = json::parse(client.fetch(kube::list_request(resource, {name_space, "", "", 1, "", ""})).body);
    status_path = resource.path(name_space, list.at("items").at(0).at("metadata").at("name").get<std::string>(), "status");
    watch_path = resource.path(name_space);
    version = list.at("metadata").at("resourceVersion").get<std::string>();
  }
  std::string status_path, watch_path, version;
};

std::string status_of(const std::string& message) {
  return json{{"status", {{"message", message}}}}.dump();
}

/// `written(i, body)` sends a patch and waits for its answer; counted are those after the first ones.
template <class Written>
double paced(size_t count, const Seen& seen, std::vector<double>& began, Written&& written) {
  double before = 0;
  auto next = std::chrono::steady_clock::now();
  for (size_t i = 0; i < count; ++i) {
    if (i == first_ones) before = bench::cpu_seconds();
    std::string body = status_of(seen.mark + std::to_string(i));
    std::this_thread::sleep_until(next += apart);
    began[i] = bench::now_seconds();
    written(i, std::move(body));
  }
  return bench::cpu_seconds() - before;
}

json told(double spent, const std::vector<double>& began, const std::vector<double>& ended) {
  std::vector<double> took;
  for (size_t i = first_ones; i < began.size(); ++i) {
    if (ended[i] == 0) throw std::runtime_error("the watch did not tell of every change");
    took.push_back((ended[i] - began[i]) * 1000);
  }
  return {{"cpu_seconds", spent}, {"p50_ms", p50(std::move(took))}};
}

json write(const std::vector<std::string>& arguments, bool watched) {
  const size_t count = std::stoul(arguments.at(1)) + first_ones;
  const auto& curl = operon::net::curl_library();
  kube::Client client(bench::cluster());
  const Place place(client, arguments.at(0));
  const auto identity = client.identity();
  const kube::TransferSettings settings{client.config(), {}};
  const OwnHandle writing(settings, identity, place.status_path, "", "Content-Type: application/merge-patch+json");
  CURL* easy = writing.easy();
  curl.easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PATCH");
  curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, &ignore);

  Seen seen(count);
  const OwnHandle watching(settings, identity, place.watch_path, "?watch=true&resourceVersion=" + place.version, nullptr);
  curl.easy_setopt(watching.easy(), CURLOPT_WRITEFUNCTION, &Seen::on_bytes);
  curl.easy_setopt(watching.easy(), CURLOPT_WRITEDATA, &seen);
  std::thread watcher;
  if (watched) watcher = std::thread([&] { curl.easy_perform(watching.easy()); });
  std::vector<double> began(count), answered(count);
  const double spent = paced(count, seen, began, [&](size_t i, const std::string& body) {
    patch(easy, body);
    answered[i] = bench::now_seconds();
  });
  if (!watched) return told(spent, began, answered);
  seen.over = true;  // it notices at the next event
  patch(easy, status_of("over"));
  watcher.join();
  return told(spent, began, {seen.at.begin(), seen.at.end()});
}

json change_by_client(const std::vector<std::string>& arguments) {
  const size_t count = std::stoul(arguments.at(1)) + first_ones;
  Seen seen(count);
  std::promise<void> over;
  kube::Client client(bench::cluster());  // its thread tells the two
  const Place place(client, arguments.at(0));
  kube::Request watching;
  watching.path = place.watch_path;
  watching.query = {{"watch", "true"}, {"resourceVersion", place.version}};
  const auto take = [&seen](std::string_view bytes) {
    seen.take(bytes);
    return true;
  };
  const auto id = client.stream(std::move(watching), {nullptr, take, [&over](const auto&) { over.set_value(); }});
  std::vector<double> began(count);
  const double spent = paced(count, seen, began, [&](size_t, std::string body) {
    kube::Request request;
    request.method = "PATCH";
    request.path = place.status_path;
    request.content_type = "application/merge-patch+json";
    request.body = std::move(body);
    if (client.fetch(std::move(request)).status != 200) throw std::runtime_error("a patch was refused");
  });
  seen.last.get_future().wait_for(last_event_max);
  client.cancel(id);
  over.get_future().get();
  return told(spent, began, {seen.at.begin(), seen.at.end()});
}

std::string exchanged(std::string text, const std::string& before, const std::string& now) {
  for (size_t at = 0; (at = text.find(before, at)) != std::string::npos; at += now.size()) text.replace(at, before.size(), now);
  return text;
}

class Starter {
 public:
  Starter(const std::string& name_space, const std::string& file) : client_(bench::cluster()), name_space_(name_space) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error(file + " cannot be read");
    in >> objects_;
  }

  double recorded_ms() {
    const std::string id = operon::base::uuid_v4(), run = text("run", id, "");
    const double begin = bench::now_seconds();
    const auto made = answered(client_.fetch(request(operon::jobs::run_resource().path(name_space_), run)));
    const std::string uid = made.at("metadata").at("uid").get<std::string>();
    auto mounted = send("configmaps", text("configmap", id, uid)), started = send("pods", text("pod", id, uid));
    mounted.get();
    started.get();
    return (bench::now_seconds() - begin) * 1000;
  }

  double unrecorded_ms() {
    const std::string id = operon::base::uuid_v4();
    const double begin = bench::now_seconds();
    send("configmaps", text("configmap", id, "")).get();
    send("pods", text("pod", id, "")).get();
    return (bench::now_seconds() - begin) * 1000;
  }

 private:
  /// Without a uid nobody owns it.
  std::string text(const char* which, const std::string& id, const std::string& uid) const {
    json object = objects_.at(which);
    if (uid.empty()) object["metadata"].erase("ownerReferences");
    return exchanged(exchanged(object.dump(), objects_.at("id"), id), objects_.at("uid"), uid);
  }
  static kube::Request request(std::string path, std::string body) {
    kube::Request made;
    made.method = "POST";
    made.path = std::move(path);
    made.body = std::move(body);
    return made;
  }
  static json answered(const kube::Response& response) {
    if (response.status != 201) throw std::runtime_error("status " + std::to_string(response.status) + ": " + response.body);
    return json::parse(response.body);
  }
  std::future<void> send(const char* plural, std::string body) {
    auto told = std::make_shared<std::promise<void>>();
    client_.request(request(kube::Resource{"", "v1", plural, true}.path(name_space_), std::move(body)), [told](kube::Result result) {
      try {
        if (const auto* error = std::get_if<operon::Error>(&result)) throw operon::Error(*error);
        answered(std::get<kube::Response>(result));
        told->set_value();
      } catch (...) {
        told->set_exception(std::current_exception());
      }
    });
    return told->get_future();
  }

  kube::Client client_;
  const std::string name_space_;
  json objects_;
};

json start(const std::vector<std::string>& arguments) {
  const size_t count = std::stoul(arguments.at(2)) + first_ones;
  Starter starter(arguments.at(0), arguments.at(1));
  std::vector<double> recorded, unrecorded;
  for (size_t i = 0; i < count; ++i) {
    const double one = starter.recorded_ms(), other = starter.unrecorded_ms();
    if (i < first_ones) continue;
    recorded.push_back(one);
    unrecorded.push_back(other);
  }
  return {{"recorded_ms", p50(std::move(recorded))}, {"unrecorded_ms", p50(std::move(unrecorded))}};
}

void work(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 2), argv + argc);
  const std::string verb = argc > 1 ? argv[1] : "";
  if (argc == 5 && verb == "start") return bench::tell(start(arguments));
  if (argc == 4 && verb == "client") return bench::tell(change_by_client(arguments));
  if (argc == 4 && (verb == "write" || verb == "change")) return bench::tell(write(arguments, verb == "change"));
  throw std::runtime_error("usage: bench_requests_alone write|change|client NAMESPACE COUNT | start NAMESPACE OBJECTS-FILE COUNT");
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_main(work, argc, argv);
}

/// bench_reconcile NAMESPACE noop|status|latency COUNT: a work queue over an informer on Runs, as a controller has them.
///   noop     COUNT keys through the queue, each looked up in the cache, nothing to do
///   status   COUNT patches of a status, one after the other, while the informer follows
///   latency  COUNT patches, 50 a second: from before the write until the reconciler has read it in the cache
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/jobs/run_object.hpp"
#include "core/kube/api.hpp"
#include "core/kube/informer.hpp"
#include "core/kube/work_queue.hpp"
#include "tests/bench/kube/cost.hpp"

namespace {

using nlohmann::json;
namespace bench = operon::bench;
namespace kube = operon::kube;
using operon::jobs::run_resource;

constexpr std::chrono::milliseconds apart{20};  // 50 events a second

struct Controller {
  explicit Controller(const std::string& name_space) : client(bench::cluster()), informer(client, run_resource(), options(name_space)) {
    informer.on_change([this](const kube::Change& change) { queue.add(std::string((change.now ? change.now : change.before)->key())); });
    informer.start();
    if (!informer.wait_synced(std::chrono::minutes(2))) throw std::runtime_error("not in step after two minutes: " + informer.trouble());
    for (size_t i = 0; i < informer.size(); ++i) queue.done(*queue.take());  // the first list's
  }
  static kube::InformerOptions options(const std::string& name_space) {
    kube::InformerOptions made;
    made.name_space = name_space;
    return made;
  }
  kube::Client client;
  kube::Api api{client};
  kube::WorkQueue queue{{}};
  kube::Informer informer;  // last: its thread adds to the queue
};

/// Names alone: whoever keeps the objects themselves keeps them in the state they had.
std::vector<kube::Name> statuses(const Controller& controller) {
  std::vector<kube::Name> names;
  for (const auto& run : controller.informer.list()) names.push_back({std::string(run->name_space()), std::string(run->name()), "status"});
  return names;
}

void patch_message(Controller& controller, const kube::Name& status, const std::string& message) {
  controller.api.patch(run_resource(), status, kube::PatchType::merge, {{"status", {{"message", message}}}});
}

json noop(Controller& controller, size_t count) {
  const auto objects = controller.informer.list();
  if (objects.size() < count) throw std::runtime_error("fewer objects than reconciles");
  const double before = bench::cpu_seconds(), begin = bench::now_seconds();
  std::thread worker([&] {
    for (size_t i = 0; i < count; ++i) {
      const auto key = controller.queue.take();
      if (!controller.informer.get(*key)) throw std::runtime_error("not in the cache: " + *key);
      controller.queue.forget(*key);
      controller.queue.done(*key);
    }
  });
  for (size_t i = 0; i < count; ++i) controller.queue.add(std::string(objects[i]->key()));
  worker.join();
  return {{"cpu_seconds", bench::cpu_seconds() - before}, {"seconds", bench::now_seconds() - begin}};
}

json status(Controller& controller, size_t count) {
  const auto runs = statuses(controller);
  const double before = bench::cpu_seconds(), begin = bench::now_seconds();
  for (size_t i = 0; i < count; ++i)
    patch_message(controller, runs[i % runs.size()], "patch " + std::to_string(begin + static_cast<double>(i)));
  return {{"cpu_seconds", bench::cpu_seconds() - before}, {"seconds", bench::now_seconds() - begin}};
}

double p50_ms(const std::vector<double>& from, const std::vector<double>& to) {
  std::vector<double> took;
  for (size_t i = 0; i < from.size(); ++i) took.push_back((to[i] - from[i]) * 1000);
  std::sort(took.begin(), took.end());
  return took[took.size() / 2];
}

json latency(Controller& controller, size_t count) {
  const auto runs = statuses(controller);
  const auto mark = std::to_string(bench::now_seconds());  // of this run of the program: a status may hold an older one's
  std::vector<double> written(count), answered(count), seen(count);
  const double before = bench::cpu_seconds(), begin = bench::now_seconds();
  std::thread worker([&] {
    for (size_t left = count; left > 0;) {
      const auto key = controller.queue.take();
      const auto run = controller.informer.get(*key);
      const auto there = run->at("/status/message");
      const auto message = there.is_string() ? there.get<std::string>() : std::string();
      if (message.rfind(mark + " ", 0) == 0) {
        seen[std::stoul(message.substr(mark.size() + 1))] = bench::now_seconds();
        --left;
      }
      controller.queue.forget(*key);
      controller.queue.done(*key);
    }
  });
  auto next = std::chrono::steady_clock::now();
  for (size_t i = 0; i < count; ++i) {
    std::this_thread::sleep_until(next += apart);
    written[i] = bench::now_seconds();
    patch_message(controller, runs[i % runs.size()], mark + " " + std::to_string(i));
    answered[i] = bench::now_seconds();
  }
  worker.join();
  const double spent = bench::cpu_seconds() - before;
  return {{"cpu_seconds", spent},
          {"seconds", bench::now_seconds() - begin},
          {"p50_ms", p50_ms(written, seen)},
          {"write_p50_ms", p50_ms(written, answered)}};
}

void work(int argc, char** argv) {
  const std::map<std::string, json (*)(Controller&, size_t)> verbs{{"noop", noop}, {"status", status}, {"latency", latency}};
  if (argc != 4 || verbs.count(argv[2]) == 0) throw std::runtime_error("usage: bench_reconcile NAMESPACE noop|status|latency COUNT");
  Controller controller(argv[1]);
  bench::tell(verbs.at(argv[2])(controller, std::stoul(argv[3])));
}

}  // namespace

int main(int argc, char** argv) {
  return operon::bench::run_main(work, argc, argv);
}

/// A plugin call of 100 bytes through the path that routes use, accounting on, beside a virtual call that does the same copy.
///
///   bench_plugin_call PLUGIN_DIR [PLUGIN INTERFACE NO_BLOCK_VERB OTHER_VERB]
///
/// Prints one line a case: minimum, median, maximum over the rounds, and the allocations per no-block call. Exits 1 when a goal is missed.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "core/plugin/instances.hpp"

namespace {

std::atomic<uint64_t> allocations{0};

}  // namespace

void* operator new(size_t n) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(n)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, size_t) noexcept {
  std::free(p);
}

namespace {

using Clock = std::chrono::steady_clock;
using namespace operon::plugin;

struct Numbers {
  double min, median, max;
};

Numbers numbers(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return {all.front(), all[all.size() / 2], all.back()};
}

/// Nanoseconds per call, over rounds of many.
template <class Function>
Numbers measure(int rounds, int calls, Function&& function) {
  std::vector<double> all;
  for (int r = 0; r < rounds; ++r) {
    auto began = Clock::now();
    for (int i = 0; i < calls; ++i) function();
    all.push_back(std::chrono::duration<double, std::nano>(Clock::now() - began).count() / calls);
  }
  return numbers(all);
}

/// Nanoseconds of each single call.
template <class Function>
Numbers measure_each(int calls, Function&& function, double& p50) {
  std::vector<double> all;
  for (int i = 0; i < calls; ++i) {
    auto began = Clock::now();
    function();
    all.push_back(std::chrono::duration<double, std::nano>(Clock::now() - began).count());
  }
  Numbers n = numbers(all);
  p50 = n.median;
  return n;
}

struct Peer {
  virtual ~Peer() = default;
  virtual int call(const std::string& request, std::string& reply) = 0;
};
struct Copy final : Peer {
  int call(const std::string& request, std::string& reply) override {
    reply.assign(request);
    return 0;
  }
};

void print(const char* name, const Numbers& n, const char* unit, double scale) {
  std::printf("%-44s min %8.1f  median %8.1f  max %10.1f %s\n", name, n.min / scale, n.median / scale, n.max / scale, unit);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 6) {
    std::fprintf(stderr, "usage: %s PLUGIN_DIR [PLUGIN INTERFACE NO_BLOCK_VERB OTHER_VERB]\n", argv[0]);
    return 2;
  }
  bool named = argc == 6;
  std::string plugin = named ? argv[2] : "echo", interface = named ? argv[3] : "test.echo/1";
  const char* fast_verb = named ? argv[4] : "echo";
  const char* slow_verb = named ? argv[5] : "echo_slow";
  Instances instances({argv[1]}, {});
  instances.load({{.name = "bench", .plugin = plugin, .isolation = "inprocess", .required = false, .config_json = "{}", .where = {}}});
  auto instance = instances.find("bench");
  if (!instance) {
    std::fprintf(stderr, "%s\n", instances.info().at(0).reason.c_str());
    return 2;
  }
  VerbRef fast = instance->find(interface, fast_verb), slow = instance->find(interface, slow_verb);
  if (!fast || !slow) {
    std::fprintf(stderr, "the plugin does not offer %s and %s\n", fast_verb, slow_verb);
    return 2;
  }
  std::string request = R"({"text":")" + std::string(89, 'x') + R"("})", reply;
  std::unique_ptr<Peer> peer = std::make_unique<Copy>();
  Peer* volatile hidden = peer.get();
  constexpr int rounds = 2001, calls = 1'000;  // short rounds: a busy machine spoils few of them
  Numbers base = measure(rounds, calls, [&] { hidden->call(request, reply); });
  instance->call_no_block(fast, request, reply);
  uint64_t before = allocations;
  Numbers ours = measure(rounds, calls, [&] {
    if (instance->call_no_block(fast, request, reply) != operon::Code::ok || reply.size() != request.size()) std::abort();
  });
  double allocated = static_cast<double>(allocations - before) / (double{rounds} * calls);
  double p50 = 0;
  Numbers switched = measure_each(
      20'000, [&] { instance->call(slow, request, {}); }, p50);
  std::printf("plugin call, %zu bytes\n", request.size());
  print("virtual call with the same copy", base, "ns", 1);
  print("no-block verb (call_no_block)", ours, "ns", 1);
  print("other verb (call: a thread switch and back)", switched, "us", 1000);
  std::printf("no-block on top of a virtual call: %.1f ns (goal: under 100); allocations per call: %.4f (goal: 0)\n",
              ours.median - base.median, allocated);
  std::printf("other verbs, p50: %.1f us (goal: under 15)\n", p50 / 1000);
  instances.stop(std::chrono::seconds(5));
  return ours.median - base.median < 100 && allocated < 0.001 && p50 < 15'000 ? 0 : 1;
}

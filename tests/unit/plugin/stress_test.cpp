/// Everything at once, for the thread sanitizer.
#include <random>

#include "core/metrics/metrics.hpp"
#include "tests/unit/plugin/fixture.hpp"

using namespace operon;
using namespace operon::plugin;
using namespace operon::plugin::test;
using namespace std::chrono_literals;

namespace {

/// One caller's life: every shape of call, some of them cancelled or late.
void live(const std::shared_ptr<Instance>& one, unsigned seed, int rounds) {
  std::mt19937 random(seed);
  auto verb = [&](const char* name) { return one->find("test.misbehaving/1", name); };
  CallContext hasty{.timeout = std::chrono::milliseconds(1 + random() % 3), .request_id = "r", .job_id = "j", .user = "u", .blobs = {}};
  std::string reply;
  for (int i = 0; i < rounds; ++i) {
    auto collector = std::make_shared<Collector>(random() % 8);
    try {
      switch (random() % 8) {
        case 0:
          one->call_no_block(verb("echo"), "1", reply);
          break;
        case 1:
          one->call(verb("metadata"), "{}", {});
          break;
        case 2:
          one->call(verb("other_thread"), "{}", hasty);
          break;
        case 3:
          one->call(verb("host_sleep"), R"({"ms":2})", hasty);
          break;
        case 4:
          one->call(verb("overlap"), "{}", hasty);
          break;
        case 5:
          one->start(verb("wait_callback"), "{}", {}, collector).cancel(), collector->wait_end();
          break;
        case 6:
          one->start(verb("use_kept"), "{}", {}, collector), collector->wait_end();
          break;
        default: {
          CallHandle handle = one->start(verb("stream_async"), R"({"count":20})", {}, collector);
          while (!collector->ended()) {
            collector->give_room(3);
            handle.writable();
            if (random() % 10 == 0) handle.cancel();
          }
        }
      }
    } catch (const Error&) {
      // Deadlines and a full queue are expected.
    }
    if (collector->late || collector->overlapped) throw std::logic_error("an observer was called late or twice at once");
  }
}

}  // namespace

TEST_CASE("many callers, cancellations, deadlines, scrapes and a reconfiguration at once") {
  auto source = GENERATE("misbehaving", "misbehaving_serial");
  Host host(source, {.executor_threads_max = 4, .stuck_calls_max = 100'000, .faults_max = 100'000'000, .stream_buffer_bytes_max = 4096});
  host.load();
  host.call("keep");
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (unsigned n = 0; n < 6; ++n) {
    threads.emplace_back([&, n] {
      try {
        live(host.one, n, 150);
      } catch (const std::exception&) {
        ++failed;
      }
    });
  }
  for (int i = 0; i < 10; ++i) {
    metrics::expose();
    host.instances.info();
    try {
      host.instances.reconfigure("one", "{}");
    } catch (const Error&) {
      // Calls in flight may take their time.
    }
  }
  for (auto& thread : threads) thread.join();
  CHECK(failed == 0);
  CHECK(host.info().state == InstanceState::ready);
  host.instances.stop(5s);
  CHECK(host.info().state == InstanceState::stopped);
}

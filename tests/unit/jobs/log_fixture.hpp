/// tests/unit/jobs/log_fixture.hpp: a log hub over a folder, and readers driven as streams drive them.
#pragma once

#include "core/jobs/log_hub.hpp"
#include "fake_runner.hpp"

namespace operon::jobs::testing {

/// A stream's end: counts wake-ups, reads what is there.
struct Stream {
  std::shared_ptr<std::atomic<int>> wakes = std::make_shared<std::atomic<int>>(0);
  std::unique_ptr<LogReader> reader;
  std::string got;

  Stream(LogHub& hub, const std::string& id, LogOptions options = {}) : reader(hub.open(id, options, [wakes = wakes] { ++*wakes; })) {}

  /// Reads until there is nothing now.
  LogReader::Got drain(size_t max = 64u << 10) {
    for (;;) {
      const auto result = reader->read(got, max);
      if (result != LogReader::Got::data) return result;
    }
  }
  /// Reads to the end, waiting for wake-ups.
  bool to_end() {
    return eventually([&] { return drain() == LogReader::Got::end; });
  }
};

struct LogHost {
  TemporaryFolder folder;
  FakeRunners runners;
  std::shared_ptr<FakeRunner> runner = std::make_shared<FakeRunner>();
  LogLimits limits;
  std::unique_ptr<LogHub> hub;

  explicit LogHost(LogLimits given = {}) : limits(given) {
    runners.add(runner);
    open();
  }
  void open() { hub = std::make_unique<LogHub>(folder.path / "logs", runners, limits); }
  void begin(const std::string& id) {
    hub->expect(id);
    runner->set(id, Phase::running);
    hub->begin(id, "fake", std::nullopt);
  }
  /// The run ends; true when its log is archived.
  bool finish(const std::string& id) {
    runner->set(id, Phase::succeeded, 0);
    auto done = std::make_shared<std::atomic<bool>>(false);
    hub->end(id, [done] { *done = true; });
    return eventually([&] { return done->load(); });
  }
  std::filesystem::path file(const std::string& name) const { return folder.path / "logs" / name; }
};

inline LogOptions following() {
  return {true, {}, false};
}

}  // namespace operon::jobs::testing

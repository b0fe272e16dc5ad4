#include "core/kube/informer.hpp"

#include <malloc.h>

#include <atomic>
#include <fstream>
#include <iostream>
#include <thread>

#include "cluster.hpp"

using namespace operon;
using namespace operon::kube;
using namespace operon::kube::test;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

InformerOptions chosen(const std::string& name_space, bool streaming) {
  InformerOptions options;
  options.name_space = name_space;
  options.label_selector = "chosen=yes";
  options.streaming_list = streaming;
  options.page = 2;
  return options;
}

}  // namespace

TEST_CASE_METHOD(Namespace, "a cache is filled and follows what happens") {
  const bool streaming = GENERATE(true, false);
  for (const char* one : {"a", "b", "c"}) put(one);
  put("other", "x", "no");
  std::mutex mutex;
  std::vector<std::string> seen;
  Informer informer(client, config_maps, chosen(name(), streaming));
  informer.on_change([&](const Change& change) {
    std::lock_guard lock(mutex);
    seen.push_back((!change.before ? "+" : !change.now ? "-" : "~") + std::string((change.now ? change.now : change.before)->name()));
  });
  informer.start();
  REQUIRE(informer.wait_synced(milliseconds(10'000)));
  CHECK(informer.list(name()).size() == 3);
  CHECK_FALSE(informer.get(name() + "/other"));
  const auto a = informer.get(name() + "/a");
  REQUIRE(a);
  CHECK(a->parse()["data"]["value"] == "x");
  CHECK_FALSE(a->parse()["metadata"].contains("managedFields"));
  put("a", "y");
  api.remove(config_maps, {name(), "b"});
  put("c", "x", "no");  // leaves the selection
  put("d");
  CHECK(eventually([&] {
    std::lock_guard lock(mutex);
    return seen == std::vector<std::string>{"+a", "+b", "+c", "~a", "-b", "-c", "+d"};
  }));
  CHECK(informer.get(name() + "/a")->parse()["data"]["value"] == "y");
  CHECK(a->parse()["data"]["value"] == "x");  // what one holds does not change
}

TEST_CASE_METHOD(Namespace, "what was written is read at once, and nothing older ever after") {
  std::atomic<int> backwards{0};
  Informer informer(client, config_maps, chosen(name(), true));
  informer.on_change([&](const Change& c) { backwards += c.before && c.now && c.now->version() <= c.before->version(); });
  informer.start();
  REQUIRE(informer.wait_synced(milliseconds(10'000)));
  for (int i = 0; i < 100; ++i) {
    const std::string value = std::to_string(i);
    informer.note_written(api.apply(config_maps, {name(), "a"}, config_map("a", value), {"test", true}));
    const auto now = informer.get(name() + "/a");
    REQUIRE(now);
    REQUIRE(now->parse()["data"]["value"] == value);
  }
  api.remove(config_maps, {name(), "a"});
  informer.note_removed(name() + "/a");
  CHECK_FALSE(informer.get(name() + "/a"));
  const auto again = put("a", "new");
  informer.note_written(name() + "/a", again["metadata"]["resourceVersion"].get<std::string>());
  CHECK(informer.wait_current(name() + "/a", milliseconds(10'000)));
  CHECK(informer.get(name() + "/a")->parse()["data"]["value"] == "new");
  CHECK(backwards == 0);
}

TEST_CASE_METHOD(Namespace, "an informer can end at any moment") {
  std::atomic<int> late{0};
  for (int i = 0; i < 30; ++i) {
    const auto alive = std::make_shared<std::atomic<bool>>(true);
    {
      Informer informer(client, config_maps, chosen(name(), i % 2 == 0));
      informer.on_change([alive, &late](const Change&) { late += !*alive; });
      informer.start();
      put("a", std::to_string(i));
      if (i % 3 == 0) informer.wait_synced(milliseconds(5000));
    }
    *alive = false;
  }
  CHECK(late == 0);
}

namespace {

/// Kilobytes of this process in memory, and the processor time it has used.
std::pair<long, double> used() {
  std::ifstream status("/proc/self/status");
  std::string word;
  long kilobytes = 0;
  while (status >> word) {
    if (word == "VmRSS:") status >> kilobytes;
  }
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return {kilobytes, static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9};
}

}  // namespace

// Asked for by its tag: fills a cluster with 10,000 objects of 2 KB, which takes a while.
TEST_CASE_METHOD(Namespace, "what 10,000 objects cost", "[.][measure]") {
  constexpr int objects = 10'000;
  {
    std::vector<std::thread> makers;
    for (int t = 0; t < 8; ++t) {
      makers.emplace_back([&, t] {
        for (int i = t; i < objects; i += 8) api.create(config_maps, name(), config_map("m" + std::to_string(i), std::string(1'500, 'v')));
      });
    }
    for (auto& maker : makers) maker.join();
  }
  for (const bool streaming : {true, false}) {
    malloc_trim(0);
    auto options = chosen(name(), streaming);
    options.page = 500;
    const auto before = used();
    const auto begun = std::chrono::steady_clock::now();
    Informer informer(client, config_maps, options);
    informer.start();
    REQUIRE(informer.wait_synced(milliseconds(60'000)));
    const auto after = used();
    const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun).count();
    size_t text = 0;
    for (const auto& object : informer.list()) text += object->json().size();
    std::cout << (streaming ? "streaming list: " : "list in pages: ") << took << " ms, CPU " << (after.second - before.second)
              << " s, resident " << after.first << " KB in all, " << 1024.0 * static_cast<double>(after.first - before.first) / objects
              << " bytes an object of " << text / objects << " bytes kept\n";
  }
}

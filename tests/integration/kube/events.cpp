#include "core/kube/events.hpp"

#include "cluster.hpp"

using namespace operon;
using namespace operon::kube;
using namespace operon::kube::test;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

std::vector<json> events_in(const Api& api, const std::string& name_space) {
  std::vector<json> all;
  ListOptions options;
  options.name_space = name_space;
  api.list({"events.k8s.io", "v1", "events"}, options, [&](json&& item) { all.push_back(std::move(item)); });
  return all;
}

}  // namespace

TEST_CASE_METHOD(Namespace, "the same thing told a hundred times is one Event that counts") {
  const auto object = put("a");
  Event event;
  event.regarding = {"v1", "ConfigMap", name(), "a", object["metadata"]["uid"]};
  event.warning = true;
  event.reason = "Tested";
  event.note = "it was tested; password: hunter22";
  EventRecorder recorder(client, "operon.dev/test", "tester-0", milliseconds(100));
  for (int i = 0; i < 100; ++i) recorder.record(event);
  event.note = "another thing";
  recorder.record(event);
  CHECK(eventually([&] {
    const auto all = events_in(api, name());
    return all.size() == 2 &&
           (all[0].value("/series/count"_json_pointer, 0) == 100 || all[1].value("/series/count"_json_pointer, 0) == 100);
  }));
  for (const auto& one : events_in(api, name())) {
    CHECK(one["type"] == "Warning");
    CHECK(one["regarding"]["name"] == "a");
    CHECK(one["note"].get<std::string>().find("hunter22") == std::string::npos);
  }
  CHECK(recorder.flush(milliseconds(5000)));
}

TEST_CASE_METHOD(Namespace, "an Event that the server refuses does not stand in the way of others") {
  EventRecorder recorder(client, "operon.dev/test", "tester-0");
  Event bad;
  bad.regarding = {"v1", "ConfigMap", "no-such-namespace-here", "a", ""};
  bad.reason = "Tested";
  recorder.record(bad);
  bad.regarding.name_space = "NOT/a namespace";
  recorder.record(bad);
  Event good = bad;
  good.regarding.name_space = name();
  recorder.record(good);
  CHECK(eventually([&] { return events_in(api, name()).size() == 1; }));
}

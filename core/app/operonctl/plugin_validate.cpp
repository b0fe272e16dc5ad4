#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "core/app/operonctl/child.hpp"
#include "core/app/operonctl/commands.hpp"
#include "core/app/operonctl/elf.hpp"
#include "core/app/operonctl/lone_plugin.hpp"
#include "core/log/log.hpp"
#include "operon/error.hpp"
#include "operon/plugin.h"

namespace operon::ctl {
namespace {

using Verdict = Finding::Verdict;
using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds check_limit{20000};
constexpr std::chrono::milliseconds load_budget{500};
constexpr std::chrono::milliseconds cancel_budget{1000};
constexpr std::chrono::milliseconds fuzz_call_limit{2000};

struct Subject {
  std::string library, config;
};

Finding check_exports(const Subject& s) {
  const DynamicSymbols symbols = read_dynamic_symbols(s.library);
  for (const auto& name : symbols.exported) {
    if (name != OPERON_ENTRY_SYMBOL)
      return {Verdict::failed, "exports '" + name + "'; only " OPERON_ENTRY_SYMBOL " may be (operon_add_plugin() hides the rest)"};
  }
  if (symbols.exported.empty()) return {Verdict::failed, "does not export " OPERON_ENTRY_SYMBOL};
  return {Verdict::passed, "exports " OPERON_ENTRY_SYMBOL " and nothing else"};
}

Finding check_symbols(const Subject& s) {
  const DynamicSymbols symbols = read_dynamic_symbols(s.library);
  if (!symbols.unique.empty())
    return {Verdict::failed, "has STB_GNU_UNIQUE symbols, '" + symbols.unique[0] + "' among them; build with -fno-gnu-unique"};
  for (const auto& name : symbols.undefined) {
    if (name.find("google8protobuf") != std::string::npos || name.find("4absl") != std::string::npos ||
        name.find("4grpc") != std::string::npos)
      return {Verdict::failed, "needs protobuf, absl or gRPC from outside ('" + name + "'): two users of one proto abort at load"};
  }
  const std::string floor = glibc_floor(symbols.versions_needed);
  return {Verdict::passed, floor.empty() ? "needs no glibc" : "needs " + floor + " or newer"};
}

Finding check_manifest(const Subject& s) {
  const plugin::Manifest manifest = manifest_beside(s.library);
  return {Verdict::passed, manifest.id + " " + manifest.version + ", " + std::to_string(manifest.interfaces.size()) + " interface(s)"};
}

Finding check_load(const Subject& s) {
  const auto begin = Clock::now();
  LonePlugin lone(s.library, s.config);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  const std::string text =
      "loads and configures in " + std::to_string(took.count()) + " ms; digest, schema, interfaces and verbs are right";
  return {took <= load_budget ? Verdict::passed : Verdict::failed, took <= load_budget ? text : text + ", but more than 500 ms"};
}

Finding check_reconfigure(const Subject& s) {
  LonePlugin lone(s.library, s.config);
  const std::string name = lone.instance().name();
  lone.instances().reconfigure(name, s.config);
  lone.instances().reconfigure(name, s.config);
  return {lone.instance().state() == plugin::InstanceState::ready ? Verdict::passed : Verdict::failed,
          "configure again, twice, keeps the instance ready"};
}

Finding check_bad_configuration(const Subject& s) {
  LonePlugin lone(s.library, s.config);
  try {
    lone.instances().reconfigure(lone.instance().name(), "[1]");
  } catch (const Error& e) {
    return {Verdict::passed, std::string("a configuration that is no object is refused: ") + e.what()};
  }
  return {Verdict::failed, "accepts a list as its configuration; declare a schema"};
}

std::vector<std::string> hostile_payloads() {
  std::string deep = std::string(60, '[') + std::string(60, ']');
  return {"{}",
          "[]",
          "null",
          "0",
          "\"\"",
          R"({"jobId":0,"clusterName":[],"name":{},"registry":7,"handle":"x"})",
          R"({"jobId":"","clusterName":"","name":"","reference":""})",
          R"({"jobId":"../../../etc","clusterName":"../../etc/passwd","name":"../../etc/passwd"})",
          R"({"jobId":"a\u0000b","clusterName":"\u0000","name":"\ud83d\ude00"})",
          R"({"offset":-1,"jobId":"x","follow":"maybe","graceSeconds":1e308})",
          R"({"jobId":")" + std::string(100000, 'x') + R"("})",
          R"({"x":)" + deep + "}"};
}

/// Every declared verb of every interface, by the names that the loader knows for the kind.
std::vector<plugin::VerbRef> verbs_of(plugin::Instance& instance) {
  std::vector<plugin::VerbRef> verbs;
  for (const auto& interface_id : instance.manifest().interfaces) {
    for (const auto& name : instance.verbs(interface_id)) {
      if (const auto verb = instance.find(interface_id, name)) verbs.push_back(verb);
    }
  }
  return verbs;
}

Finding check_payloads(const Subject& s) {
  LonePlugin lone(s.library, s.config);
  unsigned calls = 0, refused = 0;
  for (const auto verb : verbs_of(lone.instance())) {
    for (const auto& payload : hostile_payloads()) {
      plugin::CallContext context;
      context.timeout = fuzz_call_limit;
      ++calls;
      try {
        lone.instance().call(verb, payload, context, [](uint32_t, std::string_view) {});
      } catch (const Error& e) {
        ++refused;
        if (e.code() == Code::deadline_exceeded)
          return {Verdict::failed,
                  std::string(verb.verb->name.ptr, verb.verb->name.len) + " does not answer " + payload.substr(0, 60) + " within 2 s"};
      }
    }
  }
  if (lone.instances().info().at(0).faults > 0)
    return {Verdict::failed, "hostile payloads led to faults: nonsense, double or late answers"};
  return {Verdict::passed, std::to_string(calls) + " hostile payloads, " + std::to_string(refused) + " refused, none led to a fault"};
}

/// Waits for the end of one call, and remembers when it came.
class EndWatch : public plugin::CallObserver {
 public:
  bool on_chunk(uint32_t, std::string_view) noexcept override { return true; }
  void on_end(plugin::Outcome) noexcept override {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  bool wait(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return ended_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
};

Finding check_cancel(const Subject& s) {
  LonePlugin lone(s.library, s.config);
  unsigned streams = 0;
  for (const auto verb : verbs_of(lone.instance())) {
    if (!(verb.verb->flags & OPERON_VERB_STREAMS)) continue;
    ++streams;
    auto watch = std::make_shared<EndWatch>();
    plugin::CallContext context;
    context.timeout = std::chrono::milliseconds(-1);
    const auto handle = lone.instance().start(verb, R"({"follow":true})", context, watch);
    handle.cancel();
    if (!watch->wait(cancel_budget))
      return {Verdict::failed, std::string(verb.verb->name.ptr, verb.verb->name.len) + " does not end within 1 s of its cancellation"};
  }
  if (streams == 0) return {Verdict::skipped, "no verb streams"};
  return {Verdict::passed, std::to_string(streams) + " streaming verb(s) end within 1 s of their cancellation"};
}

Finding check_stop(const Subject& s) {
  const auto begin = Clock::now();
  { LonePlugin lone(s.library, s.config); }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  return {took < std::chrono::milliseconds(5000) ? Verdict::passed : Verdict::failed,
          "quiesce and destroy, with the load: " + std::to_string(took.count()) + " ms"};
}

struct Check {
  const char* name;
  Finding (*run)(const Subject&);
};

constexpr Check checks[] = {
    {"exports", check_exports},   {"symbols", check_symbols},         {"manifest", check_manifest},
    {"load", check_load},         {"reconfigure", check_reconfigure}, {"bad configuration", check_bad_configuration},
    {"payloads", check_payloads}, {"cancellation", check_cancel},     {"stop", check_stop}};

}  // namespace

int plugin_validate(const std::string& library, const std::string& config) {
  if (!std::filesystem::is_regular_file(library)) throw Error{Code::not_found, library + " is no file; name the plugin's .so"};
  log::set_level(log::Level::warn);  // the host's own lines about nine loads would hide the findings
  const Subject subject{library, config};
  unsigned failed = 0;
  for (const Check& check : checks) {
    const Finding finding = in_child([&] { return check.run(subject); }, check_limit);
    const char* word = finding.verdict == Verdict::passed ? "ok" : finding.verdict == Verdict::failed ? "FAILED" : "skipped";
    failed += finding.verdict == Verdict::failed;
    std::printf("%-8s %-18s %s\n", word, check.name, finding.text.c_str());
    std::fflush(stdout);
  }
  std::printf("%s: %s\n", library.c_str(), failed == 0 ? "valid" : (std::to_string(failed) + " check(s) failed").c_str());
  return failed == 0 ? exit_ok : exit_refused;
}

}  // namespace operon::ctl

/// operon/testing/services.hpp: host services in memory: kv, a clock that the test moves, metrics, and whatever a test serves itself.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "operon/testing/call_record.hpp"

namespace operon::testing {

/// A test's own service verb: answers, or throws Error. Chunks put into the vector are streamed before the answer.
using ServeFunction = std::function<nlohmann::json(const nlohmann::json& request, std::vector<Chunk>& chunks)>;

namespace detail {

/// A question to a service. Its chunks wait here while the plugin is full.
class OperationRecord : public std::enable_shared_from_this<OperationRecord> {
 public:
  explicit OperationRecord(const operon_sink& sink) : sink_(sink) {}

  operon_operation* handle() { return reinterpret_cast<operon_operation*>(this); }

  /// The end; sent as soon as the plugin has taken all chunks.
  void end(std::vector<Chunk> chunks, operon_status status, std::string text, std::string details) {
    {
      const std::lock_guard lock(mutex_);
      if (has_end_) return;
      has_end_ = true;
      chunks_.assign(std::make_move_iterator(chunks.begin()), std::make_move_iterator(chunks.end()));
      status_ = status;
      text_ = std::move(text);
      details_ = std::move(details);
    }
    pump();
  }
  void fail(Code code, const std::string& message) { end({}, static_cast<operon_status>(code), message, ""); }

  void pump() {
    const auto self = shared_from_this();
    std::unique_lock lock(mutex_);
    if (!has_end_ || done_) return;
    again_ = pumping_;  // a resume() while the plugin's "full" is still on its way here
    if (std::exchange(pumping_, true)) return;
    while (!chunks_.empty()) {
      const auto& chunk = chunks_.front();
      lock.unlock();
      const auto taken = sink_.chunk(sink_.arg, static_cast<uint32_t>(chunk.stream), sdk::str(chunk.data));
      lock.lock();
      if (taken == OPERON_RESOURCE_EXHAUSTED && !cancelled_) {
        if (std::exchange(again_, false)) continue;
        pumping_ = false;
        return;
      }
      chunks_.pop_front();
      if (taken == OPERON_CANCELLED || cancelled_) chunks_.clear();
    }
    done_ = true;
    lock.unlock();
    sink_.done(sink_.arg, status_, sdk::str(text_), details_.empty() ? operon_str{nullptr, 0} : sdk::str(details_));
  }
  void cancel() {
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
    }
    fail(Code::cancelled, "the question was cancelled");
    pump();
  }

 private:
  const operon_sink sink_;
  std::mutex mutex_;
  bool has_end_ = false, pumping_ = false, again_ = false, done_ = false, cancelled_ = false;
  std::deque<Chunk> chunks_;
  operon_status status_ = OPERON_OK;
  std::string text_, details_;
};

}  // namespace detail

/// Thread-safe. Stands behind operon_host_api::invoke of the testing host.
class Services {
 public:
  /// Answers `verb` of `service` in the test's way, before the ones built in. An empty function takes it back.
  void serve(const std::string& service, const std::string& verb, ServeFunction function) {
    const std::lock_guard lock(mutex_);
    served_[{service, verb}] = std::move(function);
  }
  /// The instance's keys and values.
  std::map<std::string, std::string> kv() const {
    const std::lock_guard lock(mutex_);
    return kv_;
  }
  void kv_put(const std::string& key, std::string value) {
    const std::lock_guard lock(mutex_);
    kv_[key] = std::move(value);
  }
  int64_t now_unix_ms() const {
    const std::lock_guard lock(mutex_);
    return now_ms_;
  }
  /// Moves the clock; whoever slept until then is answered before this returns.
  void advance(std::chrono::milliseconds time) {
    std::vector<std::shared_ptr<detail::OperationRecord>> due;
    {
      const std::lock_guard lock(mutex_);
      now_ms_ += time.count();
      const auto end = sleepers_.upper_bound(now_ms_);
      for (auto it = sleepers_.begin(); it != end; ++it) due.push_back(it->second);
      sleepers_.erase(sleepers_.begin(), end);
    }
    for (const auto& sleeper : due) sleeper->end({}, OPERON_OK, "{}", "");
  }
  /// How many sleep on the clock.
  size_t sleepers() const {
    const std::lock_guard lock(mutex_);
    return sleepers_.size();
  }
  /// Value by "name{label=value,...}": counters summed up, gauges as set last, histograms as the number of observations.
  std::map<std::string, double> metrics() const {
    const std::lock_guard lock(mutex_);
    return metrics_;
  }

  void ask(const std::shared_ptr<detail::OperationRecord>& operation, const std::string& service, const std::string& verb,
           const nlohmann::json& request) {
    try {
      std::vector<Chunk> chunks;
      if ((service == "operon.host.clock/1" || service == "operon.host.executor/1") && verb == "sleep" && !is_served(service, verb)) {
        const std::lock_guard lock(mutex_);
        sleepers_.emplace(now_ms_ + request.at("ms").get<int64_t>(), operation);
        return;
      }
      const auto answer = answer_of(service, verb, request, chunks);
      operation->end(std::move(chunks), OPERON_OK, sdk::dump(answer), "");
    } catch (const Error& e) {
      operation->end({}, static_cast<operon_status>(e.code()), e.what(), sdk::error_details(e));
    } catch (const std::exception& e) {
      operation->fail(Code::invalid_argument, service + " " + verb + ": " + e.what());
    }
  }

 private:
  bool is_served(const std::string& service, const std::string& verb) const {
    const std::lock_guard lock(mutex_);
    const auto it = served_.find({service, verb});
    return it != served_.end() && it->second;
  }

  nlohmann::json answer_of(const std::string& service, const std::string& verb, const nlohmann::json& request, std::vector<Chunk>& chunks) {
    if (is_served(service, verb)) {
      ServeFunction function;
      {
        const std::lock_guard lock(mutex_);
        function = served_[{service, verb}];
      }
      return function(request, chunks);
    }
    const std::lock_guard lock(mutex_);
    if (service == "operon.host.kv/1") return kv(verb, request);
    if (service == "operon.host.clock/1" && verb == "now") return {{"unixMs", now_ms_}, {"steadyMs", now_ms_ - start_ms}};
    if (service == "operon.host.metrics/1") return metric(verb, request);
    throw Error(Code::unimplemented, "the testing host has no service " + service + " " + verb + ": serve it in the test");
  }

  nlohmann::json kv(const std::string& verb, const nlohmann::json& request) {
    if (verb == "list") {
      constexpr size_t keys_per_page = 2;  // small, so that paging is seen in tests
      nlohmann::json answer = {{"keys", nlohmann::json::array()}};
      const auto prefix = request.value("prefix", ""), after = request.value("after", "");
      for (auto it = kv_.upper_bound(after); it != kv_.end(); ++it) {
        if (!it->first.starts_with(prefix)) continue;
        if (answer["keys"].size() == keys_per_page) {
          answer["continue"] = answer["keys"].back();
          break;
        }
        answer["keys"].push_back(it->first);
      }
      return answer;
    }
    const auto key = request.at("key").get<std::string>();
    if (verb == "get") {
      const auto it = kv_.find(key);
      if (it == kv_.end()) throw Error(Code::not_found, "no such key");
      return {{"value", it->second}};
    }
    if (verb == "delete") return {{"deleted", kv_.erase(key) > 0}};
    if (verb != "put") throw Error(Code::unimplemented, "operon.host.kv/1 has no verb " + verb);
    kv_[key] = request.at("value").get<std::string>();
    return nlohmann::json::object();
  }

  nlohmann::json metric(const std::string& verb, const nlohmann::json& request) {
    std::string name = request.at("name").get<std::string>();
    std::string labels;
    const auto given = request.value("labels", nlohmann::json::object());
    for (const auto& [label, value] : given.items()) {
      labels += (labels.empty() ? "" : ",") + label + "=" + value.get<std::string>();
    }
    if (!labels.empty()) name += "{" + labels + "}";
    const auto value = request.at("value").get<double>();
    if (verb == "add") {
      metrics_[name] += value;
    } else if (verb == "set") {
      metrics_[name] = value;
    } else {
      metrics_[name] += 1;
    }
    return nlohmann::json::object();
  }

  static constexpr int64_t start_ms = 1'700'000'000'000;

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, ServeFunction> served_;
  std::map<std::string, std::string> kv_;
  std::map<std::string, double> metrics_;
  int64_t now_ms_ = start_ms;
  std::multimap<int64_t, std::shared_ptr<detail::OperationRecord>> sleepers_;
};

}  // namespace operon::testing

/// tests/unit/targets/fake_instance.hpp: a plugin instance in memory, for tests of what asks plugins.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/plugin/directory.hpp"
#include "core/plugin/instance.hpp"

namespace operon::test {

/// Answers verbs with functions. Thread-safe.
class FakeInstance final : public plugin::Instance {
 public:
  /// Emits one chunk, of a list unless said otherwise. False: full, nothing was taken.
  struct Emit {
    std::function<bool(uint32_t stream, std::string_view data)> to;
    bool operator()(std::string_view data, uint32_t stream = OPERON_STREAM_ITEM) const { return to(stream, data); }
  };
  using Verb = std::function<std::string(const std::string& request, const Emit&)>;

  FakeInstance(std::string name, std::string attributes = "{}") : name_(std::move(name)) {
    manifest_.id = name_;
    manifest_.attributes = std::move(attributes);
  }

  /// The answer of a verb; what it throws is the call's failure.
  FakeInstance& on(const std::string& interface_id, const std::string& verb, Verb answer) {
    auto& slot = verbs_[{interface_id, verb}];
    slot = std::make_unique<Slot>();
    slot->name = verb;
    slot->verb.name = {slot->name.data(), slot->name.size()};
    slot->answer = std::move(answer);
    return *this;
  }

  /// start() keeps its calls until release(): a provider that takes its time, or never answers.
  void hold() {
    std::lock_guard lock(mutex_);
    held_back_ = true;
  }
  /// Answers the held calls on this thread.
  void release() {
    std::deque<std::function<void()>> calls;
    {
      std::lock_guard lock(mutex_);
      held_back_ = false;
      calls.swap(held_);
    }
    for (auto& call : calls) call();
  }

  size_t calls(const std::string& verb) const {
    std::lock_guard lock(mutex_);
    const auto it = counts_.find(verb);
    return it == counts_.end() ? 0 : it->second;
  }
  std::string last_request(const std::string& verb) const {
    std::lock_guard lock(mutex_);
    const auto it = requests_.find(verb);
    return it == requests_.end() ? "" : it->second;
  }
  std::chrono::milliseconds last_timeout() const {
    std::lock_guard lock(mutex_);
    return timeout_;
  }
  std::shared_ptr<const plugin::Blobs> last_blobs() const {
    std::lock_guard lock(mutex_);
    return blobs_;
  }

  const std::string& name() const noexcept override { return name_; }
  const plugin::Manifest& manifest() const noexcept override { return manifest_; }
  plugin::InstanceState state() const noexcept override { return plugin::InstanceState::ready; }
  bool offers(std::string_view interface_id) const noexcept override {
    for (const auto& [key, slot] : verbs_)
      if (key.first == interface_id) return true;
    return false;
  }
  plugin::VerbRef find(std::string_view interface_id, std::string_view verb) const noexcept override {
    for (const auto& [key, slot] : verbs_)
      if (key.first == interface_id && key.second == verb) return {&slot->verb, 0};
    return {};
  }

  std::string call(plugin::VerbRef ref, std::string_view request, const plugin::CallContext& context,
                   const std::function<void(uint32_t, std::string_view)>& on_chunk) override {
    note(ref, request, context);
    return slot_of(ref).answer(std::string(request), Emit{[&](uint32_t stream, std::string_view data) {
                                 if (on_chunk) on_chunk(stream, data);
                                 return true;
                               }});
  }

  Code call_no_block(plugin::VerbRef ref, std::string_view request, std::string& reply) noexcept override {
    try {
      reply = call(ref, request, {}, {});
      return Code::ok;
    } catch (const Error& e) {
      return e.code();
    }
  }

  plugin::CallHandle start(plugin::VerbRef ref, std::string request, const plugin::CallContext& context,
                           std::shared_ptr<plugin::CallObserver> observer) override {
    note(ref, request, context);
    auto run = [this, ref, request = std::move(request), observer = std::move(observer)] {
      plugin::Outcome outcome;
      try {
        outcome.reply =
            slot_of(ref).answer(request, Emit{[&](uint32_t stream, std::string_view data) { return observer->on_chunk(stream, data); }});
      } catch (const Error& e) {
        outcome.code = e.code();
        outcome.error = e;
      }
      observer->on_end(std::move(outcome));
    };
    {
      std::lock_guard lock(mutex_);
      if (held_back_) {
        held_.push_back(std::move(run));
        return {};
      }
    }
    run();
    return {};
  }

 private:
  struct Slot {
    std::string name;
    operon_verb verb{};
    Verb answer;
  };

  const Slot& slot_of(plugin::VerbRef ref) const {
    for (const auto& [key, slot] : verbs_)
      if (&slot->verb == ref.verb) return *slot;
    throw Error(Code::unimplemented, "no such verb");
  }
  void note(plugin::VerbRef ref, std::string_view request, const plugin::CallContext& context) {
    std::lock_guard lock(mutex_);
    const auto& verb = slot_of(ref).name;
    ++counts_[verb];
    requests_[verb] = request;
    timeout_ = context.timeout;
    if (context.blobs) blobs_ = context.blobs;
  }

  std::string name_;
  plugin::Manifest manifest_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Slot>> verbs_;
  mutable std::mutex mutex_;
  bool held_back_ = false;
  std::deque<std::function<void()>> held_;
  std::map<std::string, size_t> counts_;
  std::map<std::string, std::string> requests_;
  std::chrono::milliseconds timeout_{0};
  std::shared_ptr<const plugin::Blobs> blobs_;
};

/// A directory of such instances, in the order given; `refused` entries are only listed.
struct FakeDirectory {
  std::vector<std::shared_ptr<FakeInstance>> instances;
  std::vector<plugin::InstanceInfo> refused;

  std::shared_ptr<FakeInstance> add(const std::string& name, std::string attributes = "{}") {
    instances.push_back(std::make_shared<FakeInstance>(name, std::move(attributes)));
    return instances.back();
  }
  /// This object must outlive it.
  plugin::Directory directory() {
    return {[this](std::string_view name) -> std::shared_ptr<plugin::Instance> {
              for (const auto& i : instances)
                if (i->name() == name) return i;
              return nullptr;
            },
            [this](std::string_view interface_id) {
              std::vector<std::shared_ptr<plugin::Instance>> found;
              for (const auto& i : instances)
                if (i->offers(interface_id)) found.push_back(i);
              return found;
            },
            [this] {
              std::vector<plugin::InstanceInfo> all;
              for (const auto& i : instances) {
                plugin::InstanceInfo info;
                info.name = i->name();
                info.plugin = i->name();
                info.version = "1.0.0";
                info.library = "/lib/" + i->name() + ".so";
                info.isolation = "inprocess";
                info.state = plugin::InstanceState::ready;
                all.push_back(info);
              }
              all.insert(all.end(), refused.begin(), refused.end());
              return all;
            }};
  }
};

}  // namespace operon::test

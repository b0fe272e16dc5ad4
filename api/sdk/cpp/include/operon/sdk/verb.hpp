/// operon/sdk/verb.hpp: from a member function to a verb of the ABI.
///
/// A verb is a public member function of the plugin's class in one of these forms:
///
///     Answer name(Call&, const Request&)         blocking: runs on the instance's executor
///     Answer name(Call&)                         the same, without a request
///     void   name(AsyncCall<Answer>, Request)    asynchronous: returns at once, answers later
///
/// Request: a struct with from_json, nlohmann::json, or std::string_view for the JSON text itself (nothing is parsed or allocated).
/// Answer: a struct with to_json, nlohmann::json, std::vector<T> (its elements are emitted as items of a list), or void ("{}" unless the
/// verb called reply_text itself).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "operon/interface.h"
#include "operon/sdk/async_call.hpp"

namespace operon::sdk {

enum VerbFlags : uint32_t {
  plain = 0,
  no_block = OPERON_VERB_NO_BLOCK,  ///< never waits: called on the asking thread
  streams = OPERON_VERB_STREAMS,    ///< emits
  mutates = OPERON_VERB_MUTATES,    ///< changes something outside
};
constexpr VerbFlags operator|(VerbFlags a, VerbFlags b) {
  return static_cast<VerbFlags>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}

/// One verb of class C.
template <class C>
struct Verb {
  const char* name;
  operon_verb_fn function;
  VerbFlags flags;
};

/// An interface of class C: an id and its verbs.
template <class C>
struct Interface {
  const char* id;
  std::vector<Verb<C>> verbs;
};

namespace detail {

/// What an operon_plugin really is.
template <class C>
struct Instance {
  const operon_call_api* call_api = nullptr;
  std::shared_ptr<OpenCalls> open_calls = std::make_shared<OpenCalls>();
  std::unique_ptr<C> plugin;
};

template <class Request>
Request decode(operon_str text) {
  if constexpr (std::is_same_v<Request, std::string_view>) {
    return view(text);
  } else {
    auto json = text.len == 0 ? nlohmann::json::object() : nlohmann::json::parse(view(text), nullptr, false);
    if (json.is_discarded()) throw Error(Code::invalid_argument, "the request is not JSON");
    if constexpr (std::is_same_v<Request, nlohmann::json>) {
      return json;
    } else {
      try {
        return json.get<Request>();
      } catch (const nlohmann::json::exception& e) {
        throw Error(Code::invalid_argument, std::string("the request is not understood: ") + e.what());
      }
    }
  }
}

template <class T>
void give(Call& call, const T& answer) {
  call.reply_text(dump(nlohmann::json(answer)));
}
template <class T>
void give(Call& call, const std::vector<T>& answer) {
  for (const auto& element : answer) call.item(element);
  call.reply_text("{}");
}

/// The shape of a member function: who has it, what it is asked, what it answers.
template <class Method>
struct Shape;

template <class C, class A, class R>
struct Shape<A (C::*)(Call&, R)> {
  using Class = C;
  template <class Plugin, auto method>
  static operon_status run(Instance<Plugin>& instance, RawCall raw, operon_str request) noexcept {
    return guarded(raw, [&] {
      Call call(raw);
      const auto decoded = decode<std::decay_t<R>>(request);
      if constexpr (std::is_void_v<A>) {
        (instance.plugin.get()->*method)(call, decoded);
        if (!call.replied()) call.reply_text("{}");
      } else {
        give(call, (instance.plugin.get()->*method)(call, decoded));
      }
    });
  }
};

template <class C, class A>
struct Shape<A (C::*)(Call&)> {
  using Class = C;
  template <class Plugin, auto method>
  static operon_status run(Instance<Plugin>& instance, RawCall raw, operon_str) noexcept {
    return guarded(raw, [&] {
      Call call(raw);
      if constexpr (std::is_void_v<A>) {
        (instance.plugin.get()->*method)(call);
        if (!call.replied()) call.reply_text("{}");
      } else {
        give(call, (instance.plugin.get()->*method)(call));
      }
    });
  }
};

template <class C, class A, class R>
struct Shape<void (C::*)(AsyncCall<A>, R)> {
  using Class = C;
  template <class Plugin, auto method>
  static operon_status run(Instance<Plugin>& instance, RawCall raw, operon_str request) noexcept {
    std::shared_ptr<AsyncState> state;
    const operon_status ready = guarded(raw, [&] {
      state = std::make_shared<AsyncState>(raw, instance.open_calls);
      state->end_when_cancelled();
    });
    if (ready != OPERON_OK) return ready;
    const AsyncCall<A> call(state);
    call.guard([&] { (instance.plugin.get()->*method)(call, decode<std::decay_t<R>>(request)); });
    state->function_returned();
    return OPERON_PENDING;
  }
};

template <class C, class A, class R>
struct Shape<A (C::*)(Call&, R) const> : Shape<A (C::*)(Call&, R)> {};
template <class C, class A>
struct Shape<A (C::*)(Call&) const> : Shape<A (C::*)(Call&)> {};

/// The function that the host calls. The object behind `plugin` is an Instance<C>.
template <class C, auto method>
operon_status entry_point(operon_plugin* plugin, operon_call* call, operon_str request) noexcept {
  auto& instance = *reinterpret_cast<Instance<C>*>(plugin);
  return Shape<decltype(method)>::template run<C, method>(instance, RawCall{instance.call_api, call}, request);
}

}  // namespace detail

/// A verb from a member function that C has itself or inherited.
template <class C, auto method>
constexpr Verb<C> verb_of(const char* name, VerbFlags flags = plain) {
  return {name, &detail::entry_point<C, method>, flags};
}

/// A verb from one of the class's own member functions: verb<&Echo::echo>("echo", no_block).
template <auto method>
constexpr auto verb(const char* name, VerbFlags flags = plain) {
  return verb_of<typename detail::Shape<decltype(method)>::Class, method>(name, flags);
}

}  // namespace operon::sdk

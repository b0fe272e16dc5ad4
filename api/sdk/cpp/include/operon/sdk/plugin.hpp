/// operon/sdk/plugin.hpp: the class an author derives from, and the one exported function.
///
///     class Echo : public operon::sdk::Plugin {
///      public:
///       nlohmann::json echo(operon::sdk::Call&, const nlohmann::json& request) { return request; }
///       static auto interfaces() {
///         using namespace operon::sdk;
///         return std::vector{Interface<Echo>{"test.echo/1", {verb<&Echo::echo>("echo", no_block)}}};
///       }
///     };
///     OPERON_PLUGIN(Echo, "echo", "1.0.0")
///
/// A class derived from one kind (JobRunner ...) needs no interfaces(); one derived from several lists them:
/// `return std::vector{JobRunner::interface_of<Both>(), TargetProvider::interface_of<Both>()};`.
/// `static constexpr bool serial = true;` makes the host run one verb at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operon/plugin.h"
#include "operon/sdk/host.hpp"
#include "operon/sdk/verb.hpp"

namespace operon::sdk {

namespace detail {
/// The host for which a plugin is being made, while its constructor runs.
inline thread_local const Host* host_of_new_plugin = nullptr;

/// How long quiesce() waits for host services that were asked to end.
inline constexpr std::chrono::milliseconds operations_end_ms_max{5000};
}  // namespace detail

/// One configured instance. Verbs may overlap on several threads unless the class says `serial`.
class Plugin {
 public:
  virtual ~Plugin() = default;
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  /// The instance's configuration, already valid against schema.json; again on reload, when no verb runs. What it throws refuses the
  /// configuration: the one before stays in force.
  virtual void configure(Call&, const nlohmann::json& /*configuration*/) {}

  /// Before the end: join your threads, end your asynchronous calls. What is still open afterwards is ended as CANCELLED.
  virtual void quiesce() {}

  /// Usable from the constructor on.
  const Host& host() const noexcept { return host_; }

 protected:
  Plugin() : host_(detail::host_of_new_plugin ? *detail::host_of_new_plugin : Host()) {}

 private:
  Host host_;
};

namespace detail {

/// A class's interfaces as the ABI wants them; lives as long as the library.
class Tables {
 public:
  template <class C>
  explicit Tables(const std::vector<Interface<C>>& interfaces) {
    for (const auto& interface : interfaces) {
      auto table = std::make_unique<Table>();
      for (const auto& verb : interface.verbs) table->verbs.push_back({str(verb.name), verb.function, verb.flags, 0});
      table->interface = {sizeof(operon_interface),
                          sizeof(operon_verb),
                          str(interface.id),
                          table->verbs.data(),
                          static_cast<uint32_t>(table->verbs.size()),
                          0};
      tables_.push_back(std::move(table));
    }
  }
  const operon_interface* find(operon_str id) const noexcept {
    for (const auto& table : tables_) {
      if (view(table->interface.id) == view(id)) return &table->interface;
    }
    return nullptr;
  }

 private:
  struct Table {
    std::vector<operon_verb> verbs;
    operon_interface interface;
  };
  std::vector<std::unique_ptr<Table>> tables_;
};

template <class C>
const Tables& tables_of() {
  // Never destroyed: the host may look at them until the process ends.
  static const auto* tables = [] {
    if constexpr (requires { C::interfaces(); }) {
      return new Tables(C::interfaces());
    } else {
      static_assert(
          requires { C::template interface_of<C>(); },
          "say what the plugin offers: derive from exactly one kind (JobRunner, TargetProvider, ScenarioRegistry), or give the class a "
          "public `static auto interfaces()`, see operon/sdk/plugin.hpp");
      return new Tables(std::vector{C::template interface_of<C>()});
    }
  }();
  return *tables;
}

/// The functions behind operon_entry and operon_plugin_api for class C.
template <class C>
struct Boundary {
  static Instance<C>& instance(operon_plugin* plugin) noexcept { return *reinterpret_cast<Instance<C>*>(plugin); }

  static operon_status configure(operon_plugin* plugin, operon_call* call, operon_str request) noexcept {
    const RawCall raw{instance(plugin).call_api, call};
    return guarded(raw, [&] {
      Call typed(raw);
      instance(plugin).plugin->configure(typed, decode<nlohmann::json>(request));
      if (!typed.replied()) typed.reply_text("{}");
    });
  }
  static const operon_interface* get_interface(operon_plugin*, operon_str id) noexcept {
    try {
      return tables_of<C>().find(id);
    } catch (...) {  // a broken table offers nothing
      return nullptr;
    }
  }
  static void quiesce(operon_plugin* plugin) noexcept {
    const Host host = instance(plugin).plugin->host();
    try {
      instance(plugin).plugin->quiesce();
    } catch (const std::exception& e) {
      host.error(std::string("quiesce threw: ") + e.what());
    } catch (...) {
      host.error("quiesce threw something that is not a std::exception");
    }
    instance(plugin).open_calls->end_all();
    if (!end_operations(*host.context(), operations_end_ms_max)) host.error("host services asked by this plugin did not end in time");
  }
  static void destroy(operon_plugin* plugin) noexcept { delete &instance(plugin); }

  static operon_status create(const operon_host_api* api, operon_str name, operon_plugin** out,
                              const operon_plugin_api** out_api) noexcept {
    static const operon_plugin_api plugin_api = {sizeof(operon_plugin_api), concurrency(), &configure, &get_interface, &quiesce, &destroy};
    // NOLINTNEXTLINE(bugprone-sizeof-expression): the size of a member that is a pointer is meant
    if (!OPERON_HAS(api, operon_host_api, call)) return OPERON_FAILED_PRECONDITION;
    try {
      const Host host(api, std::string(view(name)));
      const Scope scope(host);
      try {
        auto made = std::make_unique<Instance<C>>();
        made->call_api = api->call;
        made->plugin = std::make_unique<C>();
        *out = reinterpret_cast<operon_plugin*>(made.release());
        *out_api = &plugin_api;
        return OPERON_OK;
      } catch (const Error& e) {
        host.error(std::string("the plugin could not be made: ") + e.what());
        return e.code() == Code::ok ? OPERON_INTERNAL : static_cast<operon_status>(e.code());
      } catch (const std::exception& e) {
        host.error(std::string("the plugin could not be made: ") + e.what());
      }
    } catch (...) {  // there is no call to put words to
    }
    return OPERON_INTERNAL;
  }

 private:
  struct Scope {
    explicit Scope(const Host& host) noexcept { host_of_new_plugin = &host; }
    ~Scope() { host_of_new_plugin = nullptr; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };
  static constexpr uint32_t concurrency() {
    if constexpr (requires { C::serial; }) return C::serial ? OPERON_SERIAL : OPERON_CONCURRENT;
    return OPERON_CONCURRENT;
  }
};

template <class C>
const operon_entry* entry(const char* id, const char* version) noexcept {
  static const operon_entry entry = {OPERON_ABI_MAGIC, sizeof(operon_entry), OPERON_ABI_MAJOR,    0,
                                     str(id),          str(version),         &Boundary<C>::create};
  return &entry;
}

}  // namespace detail
}  // namespace operon::sdk

/// Exports `Class` as the plugin of this library; id and version as in manifest.yaml.
#define OPERON_PLUGIN(Class, id, version)                              \
  extern "C" OPERON_EXPORT const operon_entry* operon_entry_v1(void) { \
    return ::operon::sdk::detail::entry<Class>(id, version);           \
  }

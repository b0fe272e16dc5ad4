#include "core/plugin/instances.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "core/log/log.hpp"
#include "core/plugin/call_api.hpp"
#include "core/plugin/executor_service.hpp"
#include "core/plugin/host_side.hpp"
#include "core/plugin/instance_impl.hpp"
#include "core/plugin/loader.hpp"

namespace operon::plugin {
namespace {

/// One entry of the configuration, whatever came of it.
struct Entry {
  InstanceSpec spec;
  std::shared_ptr<InstanceImpl> instance;  ///< null when refused
  Manifest manifest;                       ///< as far as it was read
  std::string reason;
  bool stopped = false;
};

/// Tells the stopper when a shut-down has ended; outlives one that never does.
struct Stopping {
  std::mutex mutex;
  std::condition_variable changed;
  size_t left = 0;
  std::set<std::string> stuck;
};

operon_status create_contained(const operon_entry* entry, InstanceCore& core, operon_plugin** raw, const operon_plugin_api** api,
                               std::string& thrown) {
  using Create = operon_status (*)(const operon_host_api*, operon_str, operon_plugin**, const operon_plugin_api**);
  Create create = entry->create;
  try {
    return create(&core.host->api(), operon_str{core.name.data(), core.name.size()}, raw, api);
  } catch (...) {
    thrown = "create() threw through the C interface";
    return OPERON_INTERNAL;
  }
}

/// Its type says noexcept, and the plugin's compiler may not have known.
const operon_interface* interface_contained(InstanceCore& core, const operon_plugin_api* api, const std::string& id,
                                            const Manifest& manifest) {
  using GetInterface = const operon_interface* (*)(operon_plugin*, operon_str);
  GetInterface get_interface = api->get_interface;
  try {
    return get_interface(core.raw, operon_str{id.data(), id.size()});
  } catch (...) {
    throw Error(Code::failed_precondition, manifest.library.string() + ": get_interface() threw through the C interface");
  }
}

void take_interfaces(InstanceCore& core, const operon_plugin_api* api, const Manifest& manifest) {
  for (const std::string& id : manifest.interfaces) {
    const operon_interface* table = interface_contained(core, api, id, manifest);
    for (const operon_verb& verb : read_interface(table, id, manifest)) {
      VerbEntry& entry = core.verbs.emplace_back();
      entry.interface_id = id;
      entry.name = view(verb.name);
      entry.verb = verb;
      entry.verb.name = {entry.name.data(), entry.name.size()};
      entry.fn = verb.fn;
      entry.flags = verb.flags;
    }
  }
}

}  // namespace

struct Instances::Impl {
  std::vector<std::filesystem::path> folders;
  InstanceLimits limits;
  std::shared_ptr<Timers> timers = std::make_shared<Timers>();
  std::shared_ptr<HostMeans> means = std::make_shared<HostMeans>();
  mutable std::mutex mutex;
  std::vector<Entry> entries;
  std::map<std::string, std::vector<Permission>, std::less<>> permissions;  ///< by instance
  bool stopped = false;

  std::shared_ptr<InstanceImpl> make(const InstanceSpec&, Manifest&, std::vector<std::filesystem::path>& also);
  void load_one(const InstanceSpec&);
  void add(Entry);
};

namespace {

std::string where_of(const InstanceSpec& spec) {
  return spec.where.empty() ? "plugins." + spec.name : spec.where;
}

void check_spec(const InstanceSpec& spec) {
  if (spec.name.empty()) throw Error(Code::invalid_argument, where_of(spec) + ": a plugin instance needs a name");
  if (spec.isolation != "inprocess") {
    throw Error(Code::unimplemented, where_of(spec) + ": plugin instance '" + spec.name + "': isolation '" + spec.isolation +
                                         "' is not available in this host; use inprocess");
  }
}

}  // namespace

std::shared_ptr<InstanceImpl> Instances::Impl::make(const InstanceSpec& spec, Manifest& manifest,
                                                    std::vector<std::filesystem::path>& also) {
  check_spec(spec);
  Found found = find_plugin(folders, spec.plugin);
  manifest = found.manifest;
  also = std::move(found.also);
  // Everything that can be known without the plugin's code comes before it.
  check_configuration(manifest, spec.config_json, where_of(spec));
  const operon_entry* entry = load_library(manifest);
  {
    std::lock_guard lock(mutex);
    permissions[spec.name] = manifest.permissions;
  }
  InstanceCore& core = InstanceCore::make(spec.name, manifest.id, limits, timers);
  core.host =
      std::make_unique<HostSide>(core, std::set<std::string, std::less<>>(manifest.services.begin(), manifest.services.end()), means);
  const operon_plugin_api* api = nullptr;
  std::string thrown;
  operon_status created = create_contained(entry, core, &core.raw, &api, thrown);
  if (created != OPERON_OK || core.raw == nullptr || api == nullptr) {
    std::string why = !thrown.empty()        ? thrown
                      : created == OPERON_OK ? "create() gave no instance"
                                             : std::string("create() ended with ") + code_name(created);
    throw Error(Code::failed_precondition, manifest.library.string() + ": instance '" + spec.name + "': " + why);
  }
  check_plugin_api(api, manifest);
  core.serial = api->concurrency == OPERON_SERIAL;
  if (core.serial) core.executor->limit_threads(1);
  auto instance = std::make_shared<InstanceImpl>(core, manifest, api);
  try {
    take_interfaces(core, api, manifest);
    account(core);
    core.host->phase(HostSide::Phase::running);
    instance->configure(spec.config_json);
  } catch (const Error& e) {
    std::string why = e.what();
    if (!why.starts_with(manifest.library.string()))
      why = manifest.library.string() + ": instance '" + spec.name + "' refused its configuration (" + where_of(spec) + "): " + why;
    instance->begin_stop();
    bool stuck = (core.closed() & InstanceCore::quarantined) != 0;
    if (!stuck) instance->shut_down(std::chrono::steady_clock::now() + limits.call_timeout_ms);
    throw Error(e.code(), why);
  }
  return instance;
}

void Instances::Impl::add(Entry entry) {
  if (!entry.reason.empty()) {
    log::error("plugin refused", {{"instance", entry.spec.name}, {"plugin", entry.spec.plugin}, {"reason", entry.reason}});
  } else {
    log::info("plugin ready", {{"instance", entry.spec.name},
                               {"plugin", entry.manifest.id},
                               {"version", entry.manifest.version},
                               {"library", entry.manifest.library.string()}});
  }
  std::lock_guard lock(mutex);
  entries.push_back(std::move(entry));
}

void Instances::Impl::load_one(const InstanceSpec& spec) {
  {
    std::lock_guard lock(mutex);
    bool taken = std::any_of(entries.begin(), entries.end(), [&](const Entry& e) { return e.spec.name == spec.name; });
    if (taken) {
      Entry refused{.spec = spec,
                    .instance = {},
                    .manifest = {},
                    .reason = where_of(spec) + ": there is already a plugin instance named '" + spec.name + "'"};
      log::error("plugin refused", {{"instance", spec.name}, {"plugin", spec.plugin}, {"reason", refused.reason}});
      entries.push_back(std::move(refused));
      return;
    }
  }
  Entry entry{.spec = spec, .instance = {}, .manifest = {}, .reason = {}};
  std::vector<std::filesystem::path> also;
  try {
    entry.instance = make(spec, entry.manifest, also);
  } catch (const std::exception& e) {
    entry.reason = e.what();
  }
  Manifest first = entry.manifest;
  add(std::move(entry));
  for (const std::filesystem::path& other : also) {
    Entry second{
        .spec = {.name = other.filename().string(),
                 .plugin = first.id,
                 .isolation = "inprocess",
                 .required = false,
                 .config_json = "{}",
                 .where = {}},
        .instance = {},
        .manifest = {},
        .reason = other.string() + ": plugin '" + first.id + "' is already provided by " + first.library.string() + "; remove one of them"};
    second.manifest.library = other;
    bool told = false;
    {
      std::lock_guard lock(mutex);
      told = std::any_of(entries.begin(), entries.end(), [&](const Entry& e) { return e.manifest.library == other; });
    }
    if (!told) add(std::move(second));
  }
}

Instances::Instances(std::vector<std::filesystem::path> plugin_dirs, InstanceLimits limits) : impl_(std::make_unique<Impl>()) {
  impl_->folders = std::move(plugin_dirs);
  impl_->limits = limits;
  add_service(std::make_shared<ExecutorService>(impl_->timers));
}

Instances::~Instances() {
  stop(impl_->limits.call_timeout_ms);
}

void Instances::add_service(std::shared_ptr<base::Service> service) {
  std::string id(service->id());
  impl_->means->services[id] = std::move(service);
}

void Instances::on_notify(std::function<void(const std::string&, std::string_view, std::string_view)> function) {
  impl_->means->on_notify = std::move(function);
}

void Instances::load(const std::vector<InstanceSpec>& specs) {
  for (const InstanceSpec& spec : specs) impl_->load_one(spec);
}

void Instances::reconfigure(const std::string& name, const std::string& config_json) {
  InstanceSpec spec;
  std::shared_ptr<InstanceImpl> instance;
  {
    std::lock_guard lock(impl_->mutex);
    auto found = std::find_if(impl_->entries.begin(), impl_->entries.end(), [&](const Entry& e) { return e.spec.name == name; });
    if (found == impl_->entries.end()) throw Error(Code::not_found, "there is no plugin instance named '" + name + "'");
    spec = found->spec;
    instance = found->instance;
  }
  Manifest manifest;
  if (instance) {
    check_configuration(instance->manifest(), config_json, where_of(spec));
    instance->reconfigure(config_json);
  } else {
    // It was refused: the new configuration may be what was missing.
    spec.config_json = config_json;
    std::vector<std::filesystem::path> also;
    instance = impl_->make(spec, manifest, also);
  }
  log::info("plugin configured anew", {{"instance", name}});
  std::lock_guard lock(impl_->mutex);
  auto found = std::find_if(impl_->entries.begin(), impl_->entries.end(), [&](const Entry& e) { return e.spec.name == name; });
  found->spec.config_json = config_json;
  if (found->instance) return;
  found->instance = std::move(instance);
  found->manifest = std::move(manifest);
  found->reason.clear();
}

void Instances::stop(std::chrono::milliseconds grace) {
  std::vector<std::shared_ptr<InstanceImpl>> all;
  {
    std::lock_guard lock(impl_->mutex);
    if (std::exchange(impl_->stopped, true)) return;
    for (Entry& entry : impl_->entries) {
      if (entry.instance) all.push_back(entry.instance);
    }
  }
  auto deadline = std::chrono::steady_clock::now() + grace;
  auto stopping = std::make_shared<Stopping>();
  stopping->left = all.size();
  for (const auto& instance : all) stopping->stuck.insert(instance->name());
  for (const auto& instance : all) instance->begin_stop();
  for (const auto& instance : all) {
    std::thread([instance, stopping, deadline] {
      bool ended = false;
      try {
        instance->shut_down(deadline);
        ended = true;
      } catch (const Error&) {
        // Named below, with the others that did not come back.
      }
      std::lock_guard lock(stopping->mutex);
      --stopping->left;
      if (ended) stopping->stuck.erase(instance->name());
      stopping->changed.notify_all();
    }).detach();
  }
  {
    std::unique_lock lock(stopping->mutex);
    stopping->changed.wait_until(lock, deadline, [&] { return stopping->left == 0; });
    for (const std::string& name : stopping->stuck)
      log::error("plugin did not stop within the grace time and is left behind", {{"instance", name}});
  }
  for (const auto& instance : all) {
    end_calls(instance->core(), false);
    instance->core().host->detach();  // one that is left behind finds no service and no listener, which may go now
  }
  impl_->timers->stop();
}

std::shared_ptr<Instance> Instances::find(std::string_view name) const {
  std::lock_guard lock(impl_->mutex);
  for (const Entry& entry : impl_->entries) {
    if (entry.instance && entry.spec.name == name) return entry.instance->state() == InstanceState::ready ? entry.instance : nullptr;
  }
  return nullptr;
}

std::vector<std::shared_ptr<Instance>> Instances::offering(std::string_view interface_id) const {
  std::lock_guard lock(impl_->mutex);
  std::vector<std::shared_ptr<Instance>> ready;
  for (const Entry& entry : impl_->entries) {
    if (entry.instance && entry.instance->state() == InstanceState::ready && entry.instance->offers(interface_id))
      ready.push_back(entry.instance);
  }
  return ready;
}

std::vector<Permission> Instances::permissions_of(std::string_view name) const {
  std::lock_guard lock(impl_->mutex);
  auto found = impl_->permissions.find(name);
  return found == impl_->permissions.end() ? std::vector<Permission>() : found->second;
}

std::vector<InstanceInfo> Instances::info() const {
  std::lock_guard lock(impl_->mutex);
  std::vector<InstanceInfo> all;
  for (const Entry& entry : impl_->entries) {
    InstanceInfo info{.name = entry.spec.name,
                      .plugin = entry.spec.plugin,
                      .version = entry.manifest.version,
                      .library = entry.manifest.library.string(),
                      .isolation = entry.spec.isolation,
                      .state = InstanceState::refused,
                      .reason = entry.reason,
                      .required = entry.spec.required,
                      .interfaces = entry.manifest.interfaces,
                      .permissions = entry.manifest.permissions};
    if (entry.instance) {
      InstanceCore& core = entry.instance->core();
      info.state = entry.instance->state();
      if (info.state == InstanceState::quarantined) info.reason = info.library + ": " + core.quarantine_reason();
      info.faults = core.faults.load();
      info.stuck = static_cast<uint64_t>(std::max<int64_t>(0, core.stuck.load()));
      for (const VerbEntry& verb : core.verbs) {
        for (size_t code = 0; code < codes; ++code) {
          uint64_t n = verb.by_code[code].load();
          info.calls += n;
          if (code != OPERON_OK) info.failures += n;
        }
      }
    }
    all.push_back(std::move(info));
  }
  return all;
}

const char* to_string(InstanceState state) {
  switch (state) {
    case InstanceState::ready:
      return "ready";
    case InstanceState::refused:
      return "refused";
    case InstanceState::quarantined:
      return "quarantined";
    case InstanceState::stopped:
      return "stopped";
  }
  return "unknown";
}

}  // namespace operon::plugin

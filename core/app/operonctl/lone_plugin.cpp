#include "core/app/operonctl/lone_plugin.hpp"

#include <cstdlib>
#include <filesystem>

#include "core/base/clock.hpp"
#include "core/base/clock_service.hpp"
#include "core/base/files.hpp"
#include "core/jobs/kv_service.hpp"
#include "core/jobs/sqlite_store.hpp"
#include "core/metrics/metrics_service.hpp"
#include "core/net/client.hpp"
#include "core/net/http_service.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

constexpr size_t manifest_bytes_max = 1u << 20;
constexpr std::chrono::milliseconds stop_grace{5000};

std::filesystem::path make_state_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "operonctl-XXXXXX").string();
  if (!mkdtemp(name.data())) throw Error{Code::unavailable, "no temporary folder " + name + " can be made"};
  return name;
}

}  // namespace

plugin::Manifest manifest_beside(const std::string& library) {
  const std::filesystem::path file = std::filesystem::absolute(library).string() + ".manifest.json";
  return plugin::parse_manifest(base::read_file(file, manifest_bytes_max), file);
}

LonePlugin::LonePlugin(const std::string& library, const std::string& config_json) {
  const plugin::Manifest manifest = manifest_beside(library);
  instances_ = std::make_unique<plugin::Instances>(std::vector{std::filesystem::absolute(library).parent_path()}, plugin::InstanceLimits{});
  state_ = make_state_folder();
  instances_->add_service(std::make_shared<base::ClockService>(base::system_clock()));
  instances_->add_service(metrics::make_metrics_service());
  instances_->add_service(net::make_http_service(std::make_shared<net::Client>()));
  instances_->add_service(jobs::make_kv_service(jobs::open_sqlite_store(state_ / "lone.db")));
  plugin::InstanceSpec spec;
  spec.name = manifest.id;
  spec.plugin = manifest.id;
  spec.config_json = config_json;
  spec.where = "command line";
  instances_->load({spec});
  instance_ = instances_->find(manifest.id);
  if (!instance_) throw Error{Code::failed_precondition, instances_->info().at(0).reason};
}

LonePlugin::~LonePlugin() {
  instance_.reset();
  if (instances_) instances_->stop(stop_grace);
  instances_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(state_, ignored);
}

}  // namespace operon::ctl

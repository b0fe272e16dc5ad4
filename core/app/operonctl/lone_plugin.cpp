#include "core/app/operonctl/lone_plugin.hpp"

#include <filesystem>

#include "core/app/services.hpp"
#include "core/base/files.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

constexpr size_t manifest_bytes_max = 1u << 20;
constexpr std::chrono::milliseconds stop_grace{5000};

}  // namespace

plugin::Manifest manifest_beside(const std::string& library) {
  const std::filesystem::path file = std::filesystem::absolute(library).string() + ".manifest.json";
  return plugin::parse_manifest(base::read_file(file, manifest_bytes_max), file);
}

LonePlugin::LonePlugin(const std::string& library, const std::string& config_json) {
  const plugin::Manifest manifest = manifest_beside(library);
  instances_ = std::make_unique<plugin::Instances>(std::vector{std::filesystem::absolute(library).parent_path()}, plugin::InstanceLimits{});
  app::add_services(*instances_, nullptr);
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
  instances_->stop(stop_grace);
}

}  // namespace operon::ctl

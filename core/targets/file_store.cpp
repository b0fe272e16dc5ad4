#include <nlohmann/json.hpp>
#include <system_error>

#include "core/base/files.hpp"
#include "core/base/ids.hpp"
#include "core/base/json.hpp"
#include "core/log/log.hpp"
#include "core/targets/store.hpp"
#include "operon/error.hpp"

namespace operon::targets {

namespace {

using nlohmann::json;

constexpr size_t file_bytes_max = 16u << 20;

json to_document(const TargetRequest& r) {
  json data = json::object();
  for (const auto& [provider, clusters] : r.target_data) {
    json& list = data[provider] = json::array();
    for (const auto& c : clusters) list.push_back({{"cluster-name", c.cluster_name}, {"cluster-api-url", c.cluster_api_url}});
  }
  json conditions = json::array();
  for (const auto& c : r.conditions)
    conditions.push_back({{"type", c.type}, {"reason", c.reason}, {"message", c.message}, {"unixMs", c.unix_ms}});
  json document = {{"id", r.id},
                   {"status", r.status == RequestStatus::completed ? "Completed" : "Pending"},
                   {"targetData", std::move(data)},
                   {"conditions", std::move(conditions)},
                   {"createdUnixMs", r.created_unix_ms},
                   {"lastUsedUnixMs", r.last_used_unix_ms}};
  if (r.completed_unix_ms) document["completedUnixMs"] = *r.completed_unix_ms;
  return document;
}

TargetRequest from_document(const json& d) {
  TargetRequest r;
  r.id = d.at("id").get<std::string>();
  r.status = d.at("status") == "Completed" ? RequestStatus::completed : RequestStatus::pending;
  for (const auto& [provider, list] : d.at("targetData").items()) {
    auto& clusters = r.target_data[provider];
    for (const auto& c : list) clusters.push_back({c.at("cluster-name").get<std::string>(), c.at("cluster-api-url").get<std::string>()});
  }
  for (const auto& c : d.at("conditions"))
    r.conditions.push_back({c.at("type").get<std::string>(), c.at("reason").get<std::string>(), c.at("message").get<std::string>(),
                            c.at("unixMs").get<int64_t>()});
  r.created_unix_ms = d.at("createdUnixMs").get<int64_t>();
  r.last_used_unix_ms = d.at("lastUsedUnixMs").get<int64_t>();
  if (d.contains("completedUnixMs")) r.completed_unix_ms = d.at("completedUnixMs").get<int64_t>();
  return r;
}

class FileStore final : public TargetRequestStore {
 public:
  explicit FileStore(std::filesystem::path dir) : dir_(std::move(dir)) { base::make_dirs(dir_); }

  std::vector<TargetRequest> load() override {
    std::vector<TargetRequest> all;
    std::error_code ec;
    for (std::filesystem::directory_iterator it(dir_, ec), end; !ec && it != end; it.increment(ec)) {
      const auto& path = it->path();
      if (path.extension() != ".json" || !base::is_uuid(path.stem().string())) continue;
      try {
        auto request = from_document(base::parse_json(base::read_file(path, file_bytes_max), {.bytes_max = file_bytes_max}));
        if (request.id != path.stem().string()) throw Error(Code::data_loss, "its id is not its file's name");
        all.push_back(std::move(request));
      } catch (const std::exception& e) {
        // One torn file must not keep the others, or the host, from coming back.
        log::warn("a target request cannot be read and is left out", {{"file", path.string()}, {"reason", e.what()}});
      }
    }
    if (ec) throw Error(Code::unavailable, "cannot list " + dir_.string() + ": " + ec.message());
    return all;
  }

  void save(const TargetRequest& request) override {
    base::write_file_atomic(file_of(request.id), to_document(request).dump(-1, ' ', false, json::error_handler_t::replace));
  }

  void remove(const std::string& id) override {
    std::error_code ec;
    std::filesystem::remove(file_of(id), ec);
    if (ec) throw Error(Code::unavailable, "cannot remove " + file_of(id).string() + ": " + ec.message());
  }

 private:
  std::filesystem::path file_of(const std::string& id) const { return dir_ / (id + ".json"); }

  std::filesystem::path dir_;
};

}  // namespace

std::shared_ptr<TargetRequestStore> file_store(std::filesystem::path dir) {
  return std::make_shared<FileStore>(std::move(dir));
}

}  // namespace operon::targets

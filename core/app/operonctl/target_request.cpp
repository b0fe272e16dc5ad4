#include "core/app/operonctl/target_request.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/app/operonctl/client.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

using namespace std::chrono_literals;
constexpr auto wait_max = 70s;  // the host gives a slow provider 60 s

}  // namespace

std::string request_targets(Client& client) {
  const std::string id = client.json("POST", "/targets").at("uuid").get<std::string>();
  const auto give_up = std::chrono::steady_clock::now() + wait_max;
  auto pause = 10ms;
  while (true) {
    const Answer answer = client.request("GET", "/targets/" + escape(id));
    if (answer.status == 200) return id;
    if (answer.status != 202)
      throw Error{Code::unavailable, "target request " + id + ": the server answered " + std::to_string(answer.status)};
    if (std::chrono::steady_clock::now() > give_up)
      throw Error{Code::deadline_exceeded,
                  "target request " + id + " is not completed after 70 s; a target provider may hang: see 'operonctl plugin list'"};
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, 500ms);
  }
}

nlohmann::json cluster_rows(Client& client, const std::string& target_id) {
  nlohmann::json rows = nlohmann::json::array();
  const nlohmann::json answer = client.json("GET", "/clusters?id=" + escape(target_id));
  for (const auto& [provider, clusters] : answer.at("targetData").items()) {
    for (nlohmann::json cluster : clusters) {
      cluster["provider"] = provider;
      rows.push_back(std::move(cluster));
    }
  }
  return rows;
}

}  // namespace operon::ctl

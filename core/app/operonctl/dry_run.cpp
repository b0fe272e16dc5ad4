#include "core/app/operonctl/dry_run.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/base/scrubber.hpp"
#include "core/base/text.hpp"
#include "operon/yaml/yaml.hpp"

namespace operon::ctl {
namespace {

using nlohmann::json;

constexpr const char* path = "/scenarios/run";
constexpr const char* hidden = "***";
constexpr size_t shown_bytes_max = 1024;  // of a file's content in a variable

const fields::Field* field_of(const Scenario& scenario, const std::string& variable) {
  for (const auto& field : scenario.fields) {
    if (field.variable == variable) return &field;
  }
  return nullptr;
}

std::string in_place_of(size_t base64_bytes) {
  return "(" + std::to_string(base64_bytes) + " bytes of base64)";
}

std::string text_of(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace);
}

void print(const json& one) {
  std::printf("# The request\nPOST %s\n", path);
  const json headers = one.value("headers", json::object());
  for (const auto& [name, value] : headers.items())
    std::printf("%s: %s\n", name.c_str(), base::printable(value.get<std::string>()).c_str());
  std::printf("%s\n\n", text_of(one.at("body")).c_str());
  json run = one.at("plan");
  const json objects = run.value("objects", json());
  run.erase("objects");
  std::printf("# The run\n%s", yaml::emit(run).c_str());
  if (run.value("repeats", false)) {
    std::printf("\n# The run %s is there already under this key: it would be answered, and nothing started\n",
                base::printable(run.value("jobId", "")).c_str());
    return;
  }
  if (objects.is_null()) {
    std::printf("\n# Objects: runner '%s' makes none that it could show\n", run.value("runner", "").c_str());
    return;
  }
  std::puts("\n# The objects");
  for (const json& object : objects) std::printf("---\n%s", yaml::emit(object).c_str());
}

}  // namespace

json masked(const Scenario& scenario, const json& secret_variables, json body) {
  for (const char* credential : {"password", "token"}) {
    if (body.contains(credential)) body[credential] = hidden;
  }
  if (body.contains("environment")) {
    for (auto& [variable, value] : body["environment"].items()) {
      const fields::Field* field = field_of(scenario, variable);
      const bool told = std::find(secret_variables.begin(), secret_variables.end(), variable) != secret_variables.end();
      if (told || (field ? field->secret : base::is_secret_name(variable))) {
        value = hidden;
      } else if (field && field->type == fields::Type::file_base64 && value.get_ref<const std::string&>().size() > shown_bytes_max) {
        value = in_place_of(value.get_ref<const std::string&>().size());
      }
    }
  }
  if (body.contains("files")) {
    for (json& file : body["files"]) file["content"] = in_place_of(file.at("content").get_ref<const std::string&>().size());
  }
  return body;
}

void print_dry_runs(const Settings& s, const json& all) {
  json whole = {{"requests", json::array()}};
  for (const json& one : all) {
    json request = one;
    request.update({{"method", "POST"}, {"path", path}});
    whole["requests"].push_back(std::move(request));
  }
  if (s.output == Output::json) {
    std::puts(text_of(whole).c_str());
  } else if (s.output == Output::yaml) {
    std::fputs(yaml::emit(whole).c_str(), stdout);
  } else {
    for (size_t i = 0; i < all.size(); ++i) {
      if (i > 0) std::puts("");
      print(all[i]);
    }
  }
  std::fputs("nothing was started\n", stderr);
}

}  // namespace operon::ctl

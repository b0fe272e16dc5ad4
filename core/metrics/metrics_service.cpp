#include "core/metrics/metrics_service.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/metrics/metrics.hpp"

namespace operon::metrics {
namespace {

constexpr size_t labels_max = 8;
constexpr size_t label_bytes_max = 128;
constexpr size_t name_bytes_max = 100;
constexpr size_t help_bytes_max = 200;
constexpr size_t buckets_max = 32;

[[noreturn]] void refuse(const std::string& what, const char* field) {
  throw Error(Code::invalid_argument, "operon.host.metrics/1: " + what).with_field(field);
}

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= name_bytes_max && text[0] >= 'a' && text[0] <= 'z' &&
         std::all_of(text.begin(), text.end(), [](char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

bool is_label_name(const std::string& text) {
  bool legal = std::all_of(text.begin(), text.end(), [](unsigned char c) { return c == '_' || (c < 128 && std::isalnum(c)); });
  return !text.empty() && text.size() <= name_bytes_max && legal && !std::isdigit(static_cast<unsigned char>(text[0])) &&
         !text.starts_with("__");
}

struct Sample {
  std::string name, help;
  std::map<std::string, std::string> labels;
  double value = 0;
  std::vector<double> buckets = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
};

void read_labels(const nlohmann::json& labels, Sample& sample) {
  if (!labels.is_object() || labels.size() > labels_max) refuse("labels is not an object of at most 8 members", "labels");
  for (const auto& [key, value] : labels.items()) {
    if (!is_label_name(key) || key == "instance" || key == "le")
      refuse("label name '" + base::printable(key, 40) + "' is not allowed", "labels");
    if (!value.is_string()) refuse("label '" + key + "' is not a string", "labels");
    sample.labels[key] = base::printable(value.get<std::string>(), label_bytes_max);
  }
}

Sample read(const base::ServiceCall& call) {
  nlohmann::json request = base::parse_json(call.request_json(), {.bytes_max = 16'384, .depth_max = 4, .values_max = 200});
  if (!request.is_object()) refuse("the request is not an object", "");
  Sample sample;
  auto name = request.find("name");
  if (name == request.end() || !name->is_string() || !is_name(name->get<std::string>()))
    refuse("name must be lower-case letters, digits and underscores, at most 100", "name");
  sample.name = "operon_plugin_" + name->get<std::string>();
  auto help = request.find("help");
  sample.help =
      help != request.end() && help->is_string() ? base::printable(help->get<std::string>(), help_bytes_max) : "A plugin's metric.";
  if (auto labels = request.find("labels"); labels != request.end()) read_labels(*labels, sample);
  sample.labels["instance"] = call.instance();
  auto value = request.find("value");
  if (value == request.end() || !value->is_number()) refuse("value is not a number", "value");
  sample.value = value->get<double>();
  if (auto buckets = request.find("buckets"); buckets != request.end()) {
    bool numbers = buckets->is_array() && buckets->size() <= buckets_max &&
                   std::all_of(buckets->begin(), buckets->end(), [](const auto& b) { return b.is_number(); });
    if (!numbers) refuse("buckets is not an array of at most 32 numbers", "buckets");
    sample.buckets = buckets->get<std::vector<double>>();
    if (std::adjacent_find(sample.buckets.begin(), sample.buckets.end(), std::greater_equal<>()) != sample.buckets.end())
      refuse("buckets do not rise", "buckets");
  }
  return sample;
}

class MetricsService final : public base::Service {
 public:
  std::string_view id() const noexcept override { return "operon.host.metrics/1"; }

  void invoke(std::shared_ptr<base::ServiceCall> call) override {
    const std::string verb(call->verb());
    if (verb != "add" && verb != "set" && verb != "observe") {
      throw Error(Code::unimplemented, "operon.host.metrics/1 has no verb '" + base::printable(verb, 40) + "', only add, set and observe");
    }
    Sample sample = read(*call);
    if (verb == "add") {
      if (!sample.name.ends_with("_total")) refuse("the name of a counter ends in _total", "name");
      if (!(sample.value >= 0) || std::isinf(sample.value)) refuse("a counter only grows", "value");
      counter(sample.name, sample.help, sample.labels).add(sample.value);
    } else if (verb == "set") {
      gauge(sample.name, sample.help, sample.labels).set(sample.value);
    } else {
      histogram(sample.name, sample.help, sample.buckets, sample.labels).observe(sample.value);
    }
    call->reply("{}");
  }
};

}  // namespace

std::shared_ptr<base::Service> make_metrics_service() {
  return std::make_shared<MetricsService>();
}

}  // namespace operon::metrics

#include "core/rest/parameters.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"

namespace operon::rest {

namespace {

Error malformed(std::string_view name, const std::string& value, const std::string& expected) {
  return Error(Code::invalid_argument,
               "query parameter '" + std::string(name) + "' must be " + expected + ", not '" + base::printable(value, 80) + "'")
      .with_field(std::string(name));
}

bool is_one_of(const std::string& word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

void only_query_keys(const http::Request& request, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : request.query) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string list;
    for (const auto k : known) list += (list.empty() ? "" : ", ") + std::string(k);
    throw Error(Code::invalid_argument,
                "unknown query parameter '" + base::printable(key, 80) + "'; known: " + (list.empty() ? "none" : list))
        .with_field(key);
  }
}

bool query_bool(const http::Request& request, std::string_view name, bool fallback) {
  const auto value = request.query_value(name);
  if (!value) return fallback;
  if (is_one_of(*value, {"1", "t", "T", "TRUE", "true", "True"})) return true;
  if (is_one_of(*value, {"0", "f", "F", "FALSE", "false", "False"})) return false;
  throw malformed(name, *value, "true or false");
}

std::optional<uint64_t> query_number(const http::Request& request, std::string_view name, uint64_t min, uint64_t max) {
  const auto value = request.query_value(name);
  if (!value) return std::nullopt;
  uint64_t number = 0;
  const auto [end, ec] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (ec != std::errc{} || end != value->data() + value->size() || number < min || number > max)
    throw malformed(name, *value,
                    "a whole number from " + std::to_string(min) + (max == UINT64_MAX ? " up" : " to " + std::to_string(max)));
  return number;
}

std::string query_text(const http::Request& request, std::string_view name) {
  return request.query_value(name).value_or(std::string());
}

std::string required_query(const http::Request& request, std::string_view name) {
  auto value = request.query_value(name);
  if (!value || value->empty())
    throw Error(Code::invalid_argument, std::string(name) + " parameter is required").with_field(std::string(name));
  return std::move(*value);
}

const std::string& path_parameter(const http::Request& request, std::string_view name) {
  const auto it = request.params.find(name);
  if (it == request.params.end()) throw Error(Code::internal, "the route has no parameter '" + std::string(name) + "'");
  return it->second;
}

nlohmann::json optional_object(const http::Request& request) {
  if (request.body.find_first_not_of(" \t\r\n") == std::string::npos) return nlohmann::json::object();
  auto body = base::parse_json(request.body, {.wide_integers = true});
  if (!body.is_object()) throw Error(Code::invalid_argument, "the body must be a JSON object");
  return body;
}

}  // namespace operon::rest

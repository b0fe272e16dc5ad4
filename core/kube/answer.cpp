#include "core/kube/answer.hpp"

#include <simdjson.h>

#include <nlohmann/json.hpp>

#include "core/kube/client.hpp"
#include "core/kube/json.hpp"
#include "core/kube/object.hpp"

namespace operon::kube {

Answer::Answer(std::string text, std::string what) : text_(std::move(text)), what_(std::move(what)) {
  text_.reserve(text_.size() + Response::body_padding);
}

nlohmann::json Answer::parse() const {
  return read_answer(what_, text_, ManagedFields::leave_out);
}

uint64_t Answer::version() const {
  static_assert(Response::body_padding >= simdjson::SIMDJSON_PADDING);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  std::string_view version;
  if (parser.iterate(text_.data(), text_.size(), text_.capacity()).get(document) != simdjson::SUCCESS) return 0;
  if (document["metadata"]["resourceVersion"].get_string().get(version) != simdjson::SUCCESS) return 0;
  return version_number(version);
}

}  // namespace operon::kube

#include "core/kube/json.hpp"

#include <simdjson.h>

#include <nlohmann/json.hpp>

#include "operon/error.hpp"

namespace operon::kube {
namespace {

using nlohmann::json;
namespace dom = simdjson::dom;

/// Where in the whole object a value stands.
enum class Place { top, metadata, below };

/// False for whatever the careful parser has to look at: it has the rules about it, and the words.
class Builder {
 public:
  Builder(const base::JsonLimits& limits, ManagedFields managed) : limits_(limits), managed_(managed) {}

  bool build(const dom::element& from, json& into, Place place) {
    if (++values_ > limits_.values_max) return false;
    switch (from.type()) {
      case dom::element_type::OBJECT:
        return object(dom::object(from), into, place);
      case dom::element_type::ARRAY:
        return array(dom::array(from), into);
      case dom::element_type::STRING:
        return text(std::string_view(from), into);
      case dom::element_type::INT64:
        into = int64_t(from);
        // As the careful parser has it: what is not negative is unsigned.
        if (int64_t(from) >= 0) into = static_cast<uint64_t>(int64_t(from));
        return true;
      case dom::element_type::UINT64:
        into = uint64_t(from);
        return true;
      case dom::element_type::DOUBLE:
        into = double(from);
        return true;
      case dom::element_type::BOOL:
        into = bool(from);
        return true;
      case dom::element_type::NULL_VALUE:
        into = nullptr;
        return true;
    }
    return false;
  }

 private:
  bool plain(std::string_view text) const { return limits_.nul_allowed || text.find('\0') == std::string_view::npos; }

  bool text(std::string_view value, json& into) {
    if (!plain(value)) return false;
    into = std::string(value);
    return true;
  }

  bool array(const dom::array& from, json& into) {
    into = json::array();
    auto& items = into.get_ref<json::array_t&>();
    items.reserve(from.size());
    for (const auto item : from) {
      if (!build(item, items.emplace_back(), Place::below)) return false;
    }
    return true;
  }

  bool object(const dom::object& from, json& into, Place place) {
    into = json::object();
    auto& members = into.get_ref<json::object_t&>();
    for (const auto member : from) {
      if (place == Place::metadata && managed_ == ManagedFields::leave_out && member.key == "managedFields") continue;
      if (!plain(member.key)) return false;
      // The server writes keys in order: the end is where most belong.
      const auto before = members.size();
      const auto place_of = members.try_emplace(members.end(), std::string(member.key));
      if (members.size() == before) return false;  // twice
      const bool metadata = place == Place::top && member.key == "metadata";
      if (!build(member.value, place_of->second, metadata ? Place::metadata : Place::below)) return false;
    }
    return true;
  }

  const base::JsonLimits& limits_;
  const ManagedFields managed_;
  size_t values_ = 0;
};

constexpr base::JsonLimits answer_limits{64u << 20, 128, 4'000'000, true};

/// A parser holds some multiple of the largest text it ever saw: a thread keeps one for texts of up to this size.
constexpr size_t kept_parser_bytes = 16u << 10;

bool parse_fast(std::string_view text, const base::JsonLimits& limits, ManagedFields managed, json& into) {
  if (text.size() > limits.bytes_max) return false;
  thread_local dom::parser kept;
  dom::parser large;
  const bool small = text.size() <= kept_parser_bytes;
  dom::parser& parser = small ? kept : large;
  const size_t depth = limits.depth_max + 1;
  if ((parser.capacity() < text.size() || parser.max_depth() != depth) &&
      parser.allocate(small ? kept_parser_bytes : text.size(), depth) != simdjson::SUCCESS)
    return false;
  dom::element root;
  if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS) return false;
  return Builder(limits, managed).build(root, into, Place::top);
}

}  // namespace

json parse_answer(std::string_view text, const base::JsonLimits& limits, ManagedFields managed) {
  json parsed;
  if (parse_fast(text, limits, managed, parsed)) return parsed;
  return base::parse_json(text, limits);
}

json read_answer(std::string_view what, std::string_view text, ManagedFields managed) {
  try {
    return parse_answer(text, answer_limits, managed);
  } catch (const Error& e) {
    throw Error(Code::data_loss, std::string(what) + ": the answer is no JSON: " + e.what());
  }
}

}  // namespace operon::kube

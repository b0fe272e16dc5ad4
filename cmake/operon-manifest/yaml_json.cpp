#include "yaml_json.hpp"

#include <yaml-cpp/yaml.h>

#include <stdexcept>

namespace {

constexpr int depth_max = 32;

[[noreturn]] void fail(const std::string& file, const YAML::Mark& mark, const std::string& what) {
  throw std::runtime_error(file + ":" + std::to_string(mark.line + 1) + ": " + what);
}

nlohmann::json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted
  if (text == "null" || text == "~" || text.empty()) return nullptr;
  if (text == "true" || text == "false") return text == "true";
  int64_t integer = 0;
  if (YAML::convert<int64_t>::decode(node, integer)) return integer;
  double number = 0;
  if (YAML::convert<double>::decode(node, number)) return number;
  return text;
}

nlohmann::json convert(const std::string& file, const YAML::Node& node, int depth) {
  if (depth > depth_max) fail(file, node.Mark(), "nested deeper than " + std::to_string(depth_max));
  if (node.IsScalar()) return scalar(node);
  if (node.IsSequence()) {
    auto array = nlohmann::json::array();
    for (const auto& element : node) array.push_back(convert(file, element, depth + 1));
    return array;
  }
  if (!node.IsMap()) return nullptr;
  auto object = nlohmann::json::object();
  for (const auto& member : node) {
    const std::string key = member.first.Scalar();
    if (object.contains(key)) fail(file, member.first.Mark(), "`" + key + "` is given twice");
    object[key] =
        key == "version" && member.second.IsScalar() ? nlohmann::json(member.second.Scalar()) : convert(file, member.second, depth + 1);
  }
  return object;
}

}  // namespace

nlohmann::json read_yaml(const std::string& file) {
  try {
    return convert(file, YAML::LoadFile(file), 0);
  } catch (const YAML::BadFile&) {
    throw std::runtime_error(file + ": cannot be read");
  } catch (const YAML::Exception& e) {
    fail(file, e.mark, e.msg);
  }
}

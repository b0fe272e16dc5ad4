/// operon/members.hpp: strict reading of JSON objects into structs, with errors that name the member at fault.
///
/// A member of the wrong type is Error(invalid_argument), field() = its path ("target.clusterName", "files[2].size"). Unknown members are
/// ignored. null counts as absent for optionals only. Nothing is converted: 5 is no string, "5" no number, 5.0 no integer.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "operon/error.hpp"

namespace operon::members {

/// What every reader here throws; `path` and `complaint` are kept apart so that an outer reader can put its own name in front.
class MemberError : public Error {
 public:
  MemberError(std::string path, std::string complaint)
      : Error(Error(Code::invalid_argument, path.empty() ? complaint : "`" + path + "`: " + complaint).with_field(path)),
        path_(std::move(path)),
        complaint_(std::move(complaint)) {}

  MemberError inside(const std::string& outer) const {
    if (path_.empty()) return MemberError(outer, complaint_);
    return MemberError(outer + (path_.front() == '[' ? "" : ".") + path_, complaint_);
  }

 private:
  std::string path_, complaint_;
};

namespace detail {

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};
template <class T>
struct is_string_map : std::false_type {};
template <class T>
struct is_string_map<std::map<std::string, T>> : std::true_type {};

[[noreturn]] inline void wrong(const nlohmann::json& j, const char* expected) {
  throw MemberError("", std::string("must be ") + expected + ", not " + j.type_name());
}

template <class T>
T integer(const nlohmann::json& j) {
  if (!j.is_number_integer()) wrong(j, "an integer");
  const bool fits = j.is_number_unsigned() ? std::in_range<T>(j.get<uint64_t>()) : std::in_range<T>(j.get<int64_t>());
  if (!fits) {
    throw MemberError("", "must be between " + std::to_string(std::numeric_limits<T>::min()) + " and " +
                              std::to_string(std::numeric_limits<T>::max()) + ", not " + j.dump());
  }
  return j.is_number_unsigned() ? static_cast<T>(j.get<uint64_t>()) : static_cast<T>(j.get<int64_t>());
}

/// Runs `f` and puts `name` in front of the path of whatever it complains of.
template <class F>
void within(const std::string& name, F&& f) {
  try {
    f();
  } catch (const MemberError& e) {
    throw e.inside(name);
  } catch (const Error& e) {
    throw MemberError(name, e.what());
  } catch (const nlohmann::json::exception& e) {
    throw MemberError(name, e.what());
  }
}

}  // namespace detail

/// One value by its C++ type. Structs need a from_json beside them.
template <class T>
void read_value(const nlohmann::json& j, T& out) {
  if constexpr (std::is_same_v<T, nlohmann::json>) {
    out = j;
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!j.is_string()) detail::wrong(j, "a string");
    out = j.get_ref<const std::string&>();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!j.is_boolean()) detail::wrong(j, "true or false");
    out = j.get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    out = detail::integer<T>(j);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!j.is_number()) detail::wrong(j, "a number");
    out = j.get<T>();
  } else if constexpr (detail::is_optional<T>::value) {
    if (j.is_null()) {
      out.reset();
    } else {
      read_value(j, out.emplace());
    }
  } else if constexpr (detail::is_vector<T>::value) {
    if (!j.is_array()) detail::wrong(j, "an array");
    out.clear();
    for (size_t i = 0; i < j.size(); ++i) {
      typename T::value_type element{};
      detail::within("[" + std::to_string(i) + "]", [&] { read_value(j[i], element); });
      out.push_back(std::move(element));
    }
  } else if constexpr (detail::is_string_map<T>::value) {
    if (!j.is_object()) detail::wrong(j, "an object");
    out.clear();
    for (const auto& [key, value] : j.items()) {
      detail::within(key, [&, &k = key, &v = value] { read_value(v, out[k]); });
    }
  } else {
    if (!j.is_object()) detail::wrong(j, "an object");
    from_json(j, out);
  }
}

/// Throws unless `j` is an object.
inline void expect_object(const nlohmann::json& j) {
  if (!j.is_object()) detail::wrong(j, "an object");
}

/// Reads `name` when it is there; leaves `out` as it is when not.
template <class T>
void read(const nlohmann::json& object, const char* name, T& out) {
  const auto it = object.find(name);
  if (it != object.end()) detail::within(name, [&] { read_value(*it, out); });
}

/// Reads `name`, which must be there.
template <class T>
void require(const nlohmann::json& object, const char* name, T& out) {
  const auto it = object.find(name);
  if (it == object.end()) throw MemberError(name, "is required");
  detail::within(name, [&] { read_value(*it, out); });
}

/// Writes an optional when it is set.
template <class T>
void write(nlohmann::json& object, const char* name, const std::optional<T>& value) {
  if (value) object[name] = *value;
}

/// Writes JSON text (an opaque part) as the value it is; nothing when it is empty.
inline void write_text(nlohmann::json& object, const char* name, const std::string& text) {
  if (text.empty()) return;
  auto value = nlohmann::json::parse(text, nullptr, false);
  if (value.is_discarded()) throw MemberError(name, "is not valid JSON");
  object[name] = std::move(value);
}

/// The opposite of write_text.
inline void read_text(const nlohmann::json& object, const char* name, std::string& text) {
  const auto it = object.find(name);
  text = it == object.end() ? std::string() : it->dump();
}

}  // namespace operon::members

#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace scenario {
namespace {

double number_of(const std::string& name, const std::string& text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw UsageError("--" + name + " must be a number, not '" + text + "'");
  }
  return value;
}

}  // namespace

Options::Options(const std::vector<std::string_view>& arguments, const std::vector<std::string_view>& known) {
  for (std::string_view argument : arguments) {
    size_t equals = argument.find('=');
    std::string_view name = argument.substr(0, equals);
    if (!name.starts_with("--") || equals == std::string_view::npos ||
        std::find(known.begin(), known.end(), name.substr(2)) == known.end()) {
      throw UsageError("unknown argument '" + std::string(argument) + "'");
    }
    if (!values_.emplace(name.substr(2), argument.substr(equals + 1)).second) throw UsageError(std::string(name) + " is given twice");
  }
}

const std::string& Options::text(const std::string& name) const {
  auto found = values_.find(name);
  if (found == values_.end() || found->second.empty()) throw UsageError("--" + name + " is missing");
  return found->second;
}

std::string Options::text(const std::string& name, const std::string& fallback) const {
  auto found = values_.find(name);
  return found == values_.end() || found->second.empty() ? fallback : found->second;
}

long Options::number(const std::string& name, long min, long max) const {
  double value = number_of(name, text(name));
  if (value != std::floor(value) || value < static_cast<double>(min) || value > static_cast<double>(max)) {
    throw UsageError("--" + name + " must be a whole number from " + std::to_string(min) + " to " + std::to_string(max) + ", not '" +
                     text(name) + "'");
  }
  return static_cast<long>(value);
}

long Options::milliseconds(const std::string& name, long max_seconds) const {
  double value = number_of(name, text(name));
  if (value < 0 || value > static_cast<double>(max_seconds)) {
    throw UsageError("--" + name + " must be a number of seconds from 0 to " + std::to_string(max_seconds) + ", not '" + text(name) + "'");
  }
  return static_cast<long>(value * 1000);
}

}  // namespace scenario

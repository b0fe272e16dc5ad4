/// options.hpp: `--name=value` arguments. A value never becomes an option, whatever it begins with.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace scenario {

/// A fault of the call or of what it asks for; main prints it and answers exit code 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Options {
 public:
  /// Throws UsageError for an argument that is no known `--name=value`, or comes twice.
  Options(const std::vector<std::string_view>& arguments, const std::vector<std::string_view>& known);

  /// Throws UsageError when it is missing.
  const std::string& text(const std::string& name) const;
  /// The option, or `fallback` when it is missing or empty.
  std::string text(const std::string& name, const std::string& fallback) const;
  /// A whole number written as decimal digits (a fraction of zeros is taken too: form fields are floats). Throws UsageError outside [min,
  /// max].
  long number(const std::string& name, long min, long max) const;
  /// A number of seconds, fractions allowed, in milliseconds. Throws UsageError outside [0, max_seconds].
  long milliseconds(const std::string& name, long max_seconds) const;

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace scenario

/// core/config/values.hpp: from the text of a scalar to a typed value.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace operon::config {

enum class Unit { none, bytes, milliseconds, seconds };

/// "4096", "64KiB", "1.5GiB"; "250", "250ms", "30s", "5m", "6h", "7d". A bare number is in the unit itself. Absent when it is not such a
/// number or does not fit.
std::optional<int64_t> parse_number(std::string_view text, Unit);
/// The shortest exact form: "32MiB", "30s", "7d", "100".
std::string number_text(int64_t, Unit);
/// true, false (any case), and for the environment's sake yes, no, on, off, 1, 0.
std::optional<bool> parse_boolean(std::string_view text);
/// A YAML 1.2 core-schema scalar as JSON.
nlohmann::ordered_json scalar_json(const std::string& text, bool quoted);

/// "127.0.0.1:8080", "[::1]:8080", "localhost:8080", ":8080" (an empty host: all addresses, IPv4 and IPv6). Absent when it is not an
/// address with a port.
struct Address {
  std::string host;
  uint16_t port = 0;
};
std::optional<Address> parse_address(std::string_view text);
std::string address_text(const Address&);
/// 127/8, ::1 and the name localhost.
bool is_loopback(const std::string& host);

}  // namespace operon::config

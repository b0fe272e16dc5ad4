/// core/config/options.hpp: every option of the host as one row of data. Keys of the file, flags, environment variables, --help, the
/// reference in docs/ and what a reload may change all come from this table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/config/settings.hpp"
#include "core/config/values.hpp"

namespace operon::config {

/// Where an option's value lives in a Settings.
using Slot = std::variant<std::string*, bool*, int64_t*, std::vector<std::string>*>;

/// What the text of a string option must be.
enum class Form { any, address, channel, path };  ///< channel: an address, or unix:PATH

struct Option {
  std::string key;  ///< "rest.body_bytes_max"
  Slot (*slot)(Settings&) = nullptr;
  std::string help;         ///< one sentence without its full stop
  bool reloadable = false;  ///< SIGHUP takes a new value up
  Form form = Form::any;    ///< of strings and list entries
  std::vector<std::string> choices = {};
  Unit unit = Unit::none;  ///< of numbers
  int64_t min = 1, max = INT32_MAX;
  std::vector<std::string> flag_aliases = {};
  std::vector<std::string> environment_aliases = {};  ///< the first that is set counts
  bool needs_cluster = false;                         ///< kept and shown, without effect on a host without a cluster
  std::string flag_name = {};                         ///< where it is not the key's: a flag that is repeated reads in the singular

  std::string flag() const;         ///< "--rest-body-bytes-max"
  std::string environment() const;  ///< "OPERON_REST_BODY_BYTES_MAX"
  /// What --help shows in the place of the value: "ADDRESS", "auto|text|json", "N" ...
  std::string placeholder() const;
  bool is_list() const;
  bool is_boolean() const;
};

/// In the order of --help. Made once.
const std::vector<Option>& options();
const Option* find_option(std::string_view key);
/// The value as it would be written: lists with commas, numbers with their unit.
std::string value_text(const Option&, const Settings&);

/// Old names that change a part of another option: --api-port and API_PORT set the port of the first `listen` address.
inline constexpr std::string_view api_port_flag = "--api-port";
inline constexpr std::string_view api_port_environment = "API_PORT";

}  // namespace operon::config

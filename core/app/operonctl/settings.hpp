/// core/app/operonctl/settings.hpp: where the host is and how output looks: flag > environment > file > default.
#pragma once

#include <string>

namespace operon::ctl {

enum class Output { table, wide, json, yaml, name };

struct Settings {
  std::string server;       ///< "http://127.0.0.1:8080", no slash at the end
  std::string token;        ///< bearer token; empty = none
  std::string ca_file;      ///< PEM bundle for https; empty = the system's
  std::string config_file;  ///< empty = $XDG_CONFIG_HOME/operon/operonctl.yaml, when it is there
  Output output = Output::table;
  bool no_input = false;  ///< never ask, also on a terminal
  bool colour = false;    ///< decided once from the terminal, NO_COLOR and --no-color
};

/// Fills what flags left empty from OPERON_SERVER, OPERON_TOKEN, OPERON_TOKEN_FILE, OPERON_CA_FILE, then the file's server, token_file and
/// ca_file. Throws Error(invalid_argument) naming the file and line.
void complete(Settings&);

/// "table", "wide", "json", "yaml", "name"; throws Error(invalid_argument) naming the known words.
Output output_from_string(const std::string&);

}  // namespace operon::ctl

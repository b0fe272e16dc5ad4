#include <fstream>

#include "operon/error.hpp"
#include "operon/scenario_image/reports.hpp"

namespace operon::scenario_image {

std::string read_small_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(small_file_bytes_max + 1, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size())) && !file.eof())
    throw Error(Code::invalid_argument, "cannot read " + path + "; does it exist, and may this user read it?");
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > small_file_bytes_max)
    throw Error(Code::invalid_argument, path + " is larger than " + std::to_string(small_file_bytes_max >> 10) + " KiB");
  if (text.empty()) throw Error(Code::invalid_argument, path + " is empty");
  return text;
}

}  // namespace operon::scenario_image

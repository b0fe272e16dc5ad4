/// core/app/operonctl/elf.hpp: what a shared library shows to the dynamic linker, read without loading it.
#pragma once

#include <string>
#include <vector>

namespace operon::ctl {

struct DynamicSymbols {
  std::vector<std::string> exported;         ///< defined, global or weak
  std::vector<std::string> undefined;        ///< to be found elsewhere
  std::vector<std::string> unique;           ///< STB_GNU_UNIQUE: they keep a library mapped and are shared between plugins
  std::vector<std::string> versions_needed;  ///< "GLIBC_2.34" ...
};

/// 64-bit little-endian ELF of this machine's kind. Throws Error(invalid_argument) naming the file and what is wrong with it.
DynamicSymbols read_dynamic_symbols(const std::string& file);

/// The highest GLIBC_x.y among them, as text; empty when there is none.
std::string glibc_floor(const std::vector<std::string>& versions);

}  // namespace operon::ctl

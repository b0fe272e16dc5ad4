#include "core/app/operonctl/elf.hpp"

#include <elf.h>

#include <charconv>
#include <cstring>
#include <string_view>

#include "core/base/files.hpp"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

constexpr size_t library_bytes_max = 512u << 20;

/// Reads structs out of the file's bytes; everything outside of them is an error, not a crash.
class Image {
 public:
  Image(std::string file, std::string bytes) : file_(std::move(file)), bytes_(std::move(bytes)) {}

  template <class T>
  T at(uint64_t offset) const {
    if (offset > bytes_.size() || sizeof(T) > bytes_.size() - offset) fail("is cut short");
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }

  std::string text(const Elf64_Shdr& table, uint64_t index) const {
    const uint64_t from = table.sh_offset + index;
    if (index >= table.sh_size || from >= bytes_.size()) fail("has a name outside its string table");
    const size_t end = bytes_.find('\0', from);
    if (end == std::string::npos) fail("has a name without an end");
    return bytes_.substr(from, end - from);
  }

  [[noreturn]] void fail(const std::string& what) const { throw Error{Code::invalid_argument, file_ + " " + what}; }

 private:
  std::string file_, bytes_;
};

std::vector<Elf64_Shdr> sections_of(const Image& image) {
  const auto header = image.at<Elf64_Ehdr>(0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    image.fail("is not a 64-bit little-endian ELF file");
  if (header.e_type != ET_DYN) image.fail("is not a shared library");
  std::vector<Elf64_Shdr> sections;
  for (unsigned i = 0; i < header.e_shnum; ++i) sections.push_back(image.at<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr)));
  return sections;
}

const Elf64_Shdr& linked(const Image& image, const std::vector<Elf64_Shdr>& sections, const Elf64_Shdr& section) {
  if (section.sh_link >= sections.size()) image.fail("links a section that it does not have");
  return sections[section.sh_link];
}

void read_symbols(const Image& image, const Elf64_Shdr& table, const Elf64_Shdr& names, DynamicSymbols& into) {
  for (uint64_t i = 1; i < table.sh_size / sizeof(Elf64_Sym); ++i) {
    const auto symbol = image.at<Elf64_Sym>(table.sh_offset + i * sizeof(Elf64_Sym));
    const auto binding = ELF64_ST_BIND(symbol.st_info);
    if (binding == STB_LOCAL) continue;
    const std::string name = image.text(names, symbol.st_name);
    if (name.empty()) continue;
    if (symbol.st_shndx == SHN_UNDEF) {
      into.undefined.push_back(name);
    } else if (ELF64_ST_VISIBILITY(symbol.st_other) == STV_DEFAULT || ELF64_ST_VISIBILITY(symbol.st_other) == STV_PROTECTED) {
      if (symbol.st_shndx != SHN_ABS) into.exported.push_back(name);  // absolute ones are the names of version nodes
      if (binding == STB_GNU_UNIQUE) into.unique.push_back(name);
    }
  }
}

void read_versions(const Image& image, const Elf64_Shdr& table, const Elf64_Shdr& names, DynamicSymbols& into) {
  uint64_t need_at = table.sh_offset;
  for (unsigned i = 0; i < table.sh_info; ++i) {
    const auto need = image.at<Elf64_Verneed>(need_at);
    uint64_t aux_at = need_at + need.vn_aux;
    for (unsigned j = 0; j < need.vn_cnt; ++j) {
      const auto aux = image.at<Elf64_Vernaux>(aux_at);
      into.versions_needed.push_back(image.text(names, aux.vna_name));
      aux_at += aux.vna_next;
    }
    need_at += need.vn_next;
  }
}

}  // namespace

DynamicSymbols read_dynamic_symbols(const std::string& file) {
  const Image image(file, base::read_file(file, library_bytes_max));
  DynamicSymbols found;
  const auto sections = sections_of(image);
  for (const auto& section : sections) {
    if (section.sh_type == SHT_DYNSYM) read_symbols(image, section, linked(image, sections, section), found);
    if (section.sh_type == SHT_GNU_verneed) read_versions(image, section, linked(image, sections, section), found);
  }
  return found;
}

std::string glibc_floor(const std::vector<std::string>& versions) {
  std::pair<int, int> highest{0, 0};
  for (const auto& version : versions) {
    constexpr std::string_view prefix = "GLIBC_";
    if (!version.starts_with(prefix)) continue;
    const char* const end = version.data() + version.size();
    int major = 0, minor = 0;
    const auto dot = std::from_chars(version.data() + prefix.size(), end, major);
    if (dot.ec != std::errc() || dot.ptr == end || *dot.ptr != '.') continue;
    if (std::from_chars(dot.ptr + 1, end, minor).ec == std::errc()) highest = std::max(highest, std::pair{major, minor});
  }
  return highest.first == 0 ? "" : "GLIBC_" + std::to_string(highest.first) + "." + std::to_string(highest.second);
}

}  // namespace operon::ctl

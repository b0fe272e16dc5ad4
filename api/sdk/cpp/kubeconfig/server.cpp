#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "operon/kubeconfig/kubeconfig.hpp"

namespace operon::kubeconfig {
namespace {

/// The host part: without scheme, user, port, path, brackets and zone; lower case.
std::string host_of(std::string_view url) {
  if (auto at = url.find("://"); at != std::string_view::npos) url.remove_prefix(at + 3);
  url = url.substr(0, url.find_first_of("/?#\\"));
  if (auto at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  if (url.starts_with('[')) {
    url = url.substr(1, url.find(']') - 1);
  } else if (std::count(url.begin(), url.end(), ':') <= 1) {
    url = url.substr(0, url.find(':'));
  }
  url = url.substr(0, url.find('%'));
  while (url.ends_with('.')) url.remove_suffix(1);
  std::string host(url);
  std::transform(host.begin(), host.end(), host.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return host;
}

bool is_bad_v4(uint32_t address) {
  constexpr uint32_t alibaba_metadata = 0x646464c8;   // 100.100.100.200
  constexpr uint32_t azure_wire_server = 0xa83f8110;  // 168.63.129.16
  return (address >> 16) == 0xa9fe || address == alibaba_metadata || address == azure_wire_server;
}

bool is_bad_v6(const std::array<unsigned char, 16>& a) {
  if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) return true;  // fe80::/10
  static constexpr unsigned char aws_metadata[16] = {0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};
  if (std::memcmp(a.data(), aws_metadata, 16) == 0) return true;
  // IPv4 inside IPv6: mapped, compatible, and the NAT64 prefix.
  static constexpr unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
  bool zeros = std::all_of(a.begin(), a.begin() + 10, [](unsigned char c) { return c == 0; });
  bool inside = (zeros && ((a[10] == 0xff && a[11] == 0xff) || (a[10] == 0 && a[11] == 0))) || std::memcmp(a.data(), nat64, 12) == 0;
  return inside && is_bad_v4(uint32_t{a[12]} << 24 | uint32_t{a[13]} << 16 | uint32_t{a[14]} << 8 | a[15]);
}

}  // namespace

std::string link_local_host(std::string_view server_url) {
  const std::string host = host_of(server_url);
  static constexpr const char* metadata_names[] = {"metadata.google.internal", "metadata", "instance-data", "instance-data.ec2.internal",
                                                   "metadata.goog"};
  for (const char* name : metadata_names) {
    if (host == name) return host;
  }
  in_addr v4{};
  // inet_aton takes what libraries take: 169.254.169.254, 0xa9fea9fe, 2852039166, 0251.0376.43518.
  if (inet_aton(host.c_str(), &v4) != 0 && is_bad_v4(ntohl(v4.s_addr))) return host;
  std::array<unsigned char, 16> v6{};
  if (inet_pton(AF_INET6, host.c_str(), v6.data()) == 1 && is_bad_v6(v6)) return host;
  return "";
}

}  // namespace operon::kubeconfig

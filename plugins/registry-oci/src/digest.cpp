#include "digest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "operon/error.hpp"

namespace registry_oci {

constexpr std::string_view algorithm = "sha256:";

std::string digest_of(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), sum.data(), &size, EVP_sha256(), nullptr) != 1)
    throw operon::Error(operon::Code::internal, "OpenSSL made no digest");
  std::string text(algorithm);
  for (unsigned i = 0; i < size; ++i) {
    text += "0123456789abcdef"[sum[i] >> 4];
    text += "0123456789abcdef"[sum[i] & 15];
  }
  return text;
}

bool is_digest(std::string_view text) {
  if (text.size() != algorithm.size() + 64 || !text.starts_with(algorithm)) return false;
  text.remove_prefix(algorithm.size());
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace registry_oci

#include "digest.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "operon/error.hpp"

namespace registry_oci {

static std::string made_by(const EVP_MD* algorithm, std::string text, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), sum.data(), &size, algorithm, nullptr) != 1)
    throw operon::Error(operon::Code::internal, "OpenSSL made no digest");
  for (unsigned i = 0; i < size; ++i) {
    text += "0123456789abcdef"[sum[i] >> 4];
    text += "0123456789abcdef"[sum[i] & 15];
  }
  return text;
}

std::string digest_of(std::string_view bytes) {
  return made_by(EVP_sha256(), "sha256:", bytes);
}

std::string digest_like(std::string_view named, std::string_view bytes) {
  return named.starts_with("sha512:") ? made_by(EVP_sha512(), "sha512:", bytes) : digest_of(bytes);
}

}  // namespace registry_oci

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

}  // namespace registry_oci

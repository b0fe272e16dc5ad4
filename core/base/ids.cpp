#include "core/base/ids.hpp"

#include <openssl/evp.h>
#include <sys/random.h>

#include <array>
#include <cctype>
#include <cerrno>

#include "operon/error.hpp"

namespace operon::base {
namespace {

constexpr char hex_digits[] = "0123456789abcdef";

std::string hex(const unsigned char* bytes, size_t size) {
  std::string text;
  text.reserve(size * 2);
  for (size_t i = 0; i < size; ++i) {
    text += hex_digits[bytes[i] >> 4];
    text += hex_digits[bytes[i] & 15];
  }
  return text;
}

void fill_random(unsigned char* into, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t n = getrandom(into + done, size - done, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(Code::internal, "the kernel gave no random bytes: errno " + std::to_string(errno));
    done += static_cast<size_t>(n);
  }
}

std::string uuid_text(std::array<unsigned char, 16> bytes, unsigned version) {
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | (version << 4));
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string digits = hex(bytes.data(), bytes.size());
  return digits.substr(0, 8) + "-" + digits.substr(8, 4) + "-" + digits.substr(12, 4) + "-" + digits.substr(16, 4) + "-" +
         digits.substr(20);
}

std::string digest(const EVP_MD* kind, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, kind, nullptr) != 1) throw Error(Code::internal, "OpenSSL made no digest");
  return {reinterpret_cast<const char*>(out.data()), size};
}

}  // namespace

std::string uuid_v4() {
  std::array<unsigned char, 16> bytes{};
  fill_random(bytes.data(), bytes.size());
  return uuid_text(bytes, 4);
}

std::string uuid_v5(std::string_view name_space, std::string_view name) {
  // The name space is text: its own SHA-1, cut to 16 bytes, stands for it, so that ("ab", "c") and ("a", "bc") differ.
  std::string input = digest(EVP_sha1(), name_space).substr(0, 16);
  input += name;
  std::string sum = digest(EVP_sha1(), input);
  std::array<unsigned char, 16> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(sum[i]);
  return uuid_text(bytes, 5);
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !std::isxdigit(static_cast<unsigned char>(text[i]))) return false;
  }
  return true;
}

std::string sha256_hex(std::string_view bytes) {
  std::string sum = digest(EVP_sha256(), bytes);
  return hex(reinterpret_cast<const unsigned char*>(sum.data()), sum.size());
}

std::string random_hex(size_t bytes) {
  std::string raw(bytes, '\0');
  auto* data = reinterpret_cast<unsigned char*>(raw.data());
  fill_random(data, bytes);
  return hex(data, bytes);
}

}  // namespace operon::base

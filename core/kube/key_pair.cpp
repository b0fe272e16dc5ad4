#include "core/kube/key_pair.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "operon/error.hpp"

namespace operon::kube {
namespace {

template <class T, void (*Free)(T*)>
struct Freed {
  void operator()(T* it) const { Free(it); }
};
using Text = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;

Text text_of(const std::string& pem) {
  return Text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

/// A key with a passphrase is refused, not asked for on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

void check_key_pair(const std::string& certificate_pem, const std::string& key_pem) {
  const Certificate certificate(PEM_read_bio_X509(text_of(certificate_pem).get(), nullptr, no_passphrase, nullptr));
  const Key key(PEM_read_bio_PrivateKey(text_of(key_pem).get(), nullptr, no_passphrase, nullptr));
  const bool pair = certificate && key && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!certificate) throw Error(Code::failed_precondition, "the client certificate is no certificate in PEM, or not whole");
  if (!key) throw Error(Code::failed_precondition, "the client key is no private key in PEM without a passphrase, or not whole");
  if (!pair) throw Error(Code::failed_precondition, "the client certificate and the client key are not of one pair");
}

}  // namespace operon::kube

/// core/kube/key_pair.hpp: whether a client certificate and a private key are whole, and of one pair.
#pragma once

#include <string>

namespace operon::kube {

/// Both are PEM. Files that are replaced one after the other, or are being written, are not of one pair for a moment. Throws
/// Error(failed_precondition) saying which is wrong, never what is in it.
void check_key_pair(const std::string& certificate_pem, const std::string& key_pem);

}  // namespace operon::kube

/// digest.hpp: SHA-256 of bytes that come in pieces.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace operon::runner_process {

class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  /// Lower-case hex of all that was added. Once.
  std::string hex();

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

}  // namespace operon::runner_process

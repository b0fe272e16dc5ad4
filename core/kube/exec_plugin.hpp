/// core/kube/exec_plugin.hpp: runs a program that hands out credentials and reads its answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/kube/config.hpp"

namespace operon::kube {

struct ExecCredential {
  std::string token, certificate_pem, key_pem;
  int64_t expires_unix_ms = 0;  ///< 0 = never
};

inline constexpr int64_t exec_ms_max = 60'000;
inline constexpr size_t exec_answer_bytes_max = 1u << 20;

/// Runs it with the host's environment and its own; standard error is dropped, because it may show secrets. Blocks up to `exec_ms_max`.
/// Throws Error(unauthenticated) that names the program, never what it printed.
ExecCredential run_exec_plugin(const ExecPlugin&, const ClusterConfig&);

/// The answer alone. Throws Error(unauthenticated).
ExecCredential parse_exec_answer(std::string_view json, const ExecPlugin&);

}  // namespace operon::kube

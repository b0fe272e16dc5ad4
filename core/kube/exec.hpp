/// core/kube/exec.hpp: a command in a container, by WebSocket (v5.channel.k8s.io, v4 with older servers).
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/kube/client.hpp"

namespace operon::kube {

struct ExecRequest {
  std::string name_space, pod;
  std::string container;             ///< empty = the pod's only or default one
  std::vector<std::string> command;  ///< program and arguments; no shell unless you name one
  std::string input;                 ///< for its standard input, then the end of it; needs a v5 server (1.30) to be told the end
  bool with_input = false;
  std::chrono::milliseconds timeout{60'000};  ///< of the whole
};

enum class ExecStream { output = 1, error = 2 };

/// Bytes as they come, on the caller's thread. Returns false to end early (CANCELLED).
using ExecSink = std::function<bool(ExecStream, std::string_view)>;

/// Runs it and returns its exit code. Blocks; a thread of the caller's is what it costs. `stop` is looked at at least every
/// `exec_look_ms`. The command goes on in its container when we end early: Kubernetes has no way to end it.
/// Throws Error: of the API server, DEADLINE_EXCEEDED, CANCELLED, UNAVAILABLE when the connection broke before the exit code came.
inline constexpr int exec_look_ms = 200;
int exec(Client&, const ExecRequest&, const ExecSink&, const std::function<bool()>& stop = {});

/// The exit code that the status channel tells. Throws Error for what is no end of a command.
int exit_code_of(std::string_view status_json, const std::string& what);

}  // namespace operon::kube

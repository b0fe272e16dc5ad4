#include <cstdio>
#include <string>

#include "core/app/operonctl/commands.hpp"
#include "core/app/operonctl/lone_plugin.hpp"
#include "operon/call.h"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

std::string verbs_of(plugin::Instance& instance) {
  std::string names;
  for (const auto& id : instance.manifest().interfaces) names += (names.empty() ? "" : ", ") + id;
  return names;
}

/// Raw output to standard output as it is; what is about the output to standard error.
void show(uint32_t stream, std::string_view chunk) {
  FILE* to = stream == OPERON_STREAM_STDERR || stream == OPERON_STREAM_EVENT || stream == OPERON_STREAM_PROGRESS ? stderr : stdout;
  std::fwrite(chunk.data(), 1, chunk.size(), to);
  if (stream != OPERON_STREAM_STDOUT && stream != OPERON_STREAM_STDERR) std::fputc('\n', to);
  std::fflush(to);
}

}  // namespace

int plugin_call(const std::string& library, const std::string& interface_id, const std::string& verb, const std::string& request,
                const std::string& config, int64_t timeout_ms) {
  LonePlugin lone(library, config);
  const plugin::VerbRef found = lone.instance().find(interface_id, verb);
  if (!found)
    throw Error{Code::not_found,
                library + " offers no verb '" + verb + "' of " + interface_id + "; its interfaces are: " + verbs_of(lone.instance())};
  plugin::CallContext context;
  context.timeout = std::chrono::milliseconds(timeout_ms);
  const std::string reply = lone.instance().call(found, request, context, show);
  if (!reply.empty()) std::printf("%s\n", reply.c_str());
  return exit_ok;
}

}  // namespace operon::ctl

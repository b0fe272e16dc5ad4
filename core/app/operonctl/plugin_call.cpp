#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "core/app/operonctl/commands.hpp"
#include "core/app/operonctl/lone_plugin.hpp"
#include "operon/call.h"
#include "operon/error.hpp"

namespace operon::ctl {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// What could have been meant: the interface's verbs, or the interfaces when there is no such one.
Error no_such_verb(const plugin::Instance& instance, const std::string& library, const std::string& interface_id, const std::string& verb) {
  const auto& interfaces = instance.manifest().interfaces;
  if (std::find(interfaces.begin(), interfaces.end(), interface_id) == interfaces.end())
    return Error{Code::not_found, library + " has no interface '" + interface_id + "'; it has: " + joined(interfaces)};
  return Error{Code::not_found,
               library + " offers no verb '" + verb + "' of " + interface_id + "; its verbs are: " + joined(instance.verbs(interface_id))};
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
  if (!found) throw no_such_verb(lone.instance(), library, interface_id, verb);
  plugin::CallContext context;
  context.timeout = std::chrono::milliseconds(timeout_ms);
  const std::string reply = lone.instance().call(found, request, context, show);
  if (!reply.empty()) std::printf("%s\n", reply.c_str());
  return exit_ok;
}

}  // namespace operon::ctl

// A user's kubeconfig: parsed without trust, merged with itself, every context flattened and read again.
#include "operon/kubeconfig/kubeconfig.hpp"

#include <cstdint>
#include <string_view>

#include "operon/error.hpp"

using operon::kubeconfig::Kubeconfig;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    auto config = Kubeconfig::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
    config.merge(Kubeconfig(config));
    for (const auto& context : config.contexts()) {
      try {
        const auto again = Kubeconfig::parse(config.flatten(context.name), "flattened");
        if (again.contexts().size() != 1) __builtin_trap();  // self-contained means one context that can be read
      } catch (const operon::Error& e) {
        if (e.code() == operon::Code::invalid_argument) __builtin_trap();  // what we wrote ourselves is a kubeconfig
      }
    }
  } catch (const operon::Error&) {
  }
  return 0;
}

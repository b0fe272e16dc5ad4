// The plugin `throwing`: built as C++14, where the contract's functions carry no noexcept, so that what its verb throws gets out.
#include <operon/operon.h>

#include <stdexcept>

struct operon_plugin {};

namespace {

operon_plugin instance;

operon_status throw_int(operon_plugin*, operon_call*, operon_str) {
  throw 42;
}
operon_status throw_exception(operon_plugin*, operon_call*, operon_str) {
  throw std::runtime_error("secret words");
}
operon_status configure(operon_plugin*, operon_call*, operon_str) {
#ifdef CONFIGURE_THROWS
  throw 1;
#else
  return OPERON_OK;
#endif
}
void end(operon_plugin*) {
  throw 3;
}

const operon_verb verbs[] = {{{"throw_int", 9}, throw_int, 0, 0},
                             {{"throw_int_here", 14}, throw_int, OPERON_VERB_NO_BLOCK, 0},
                             {{"throw_exception", 15}, throw_exception, 0, 0}};
const operon_interface table = {sizeof table, sizeof(operon_verb), {"test.throwing/1", 15}, verbs, 3, 0};

const operon_interface* get_interface(operon_plugin*, operon_str) {
#ifdef INTERFACE_THROWS
  throw 4;
#endif
  return &table;
}
void destroy(operon_plugin*) {}
const operon_plugin_api api = {sizeof api, OPERON_CONCURRENT, configure, get_interface, end, destroy};

operon_status create(const operon_host_api*, operon_str, operon_plugin** out, const operon_plugin_api** functions) {
#ifdef CREATE_THROWS
  throw 2;
#endif
  *out = &instance;
  *functions = &api;
  return OPERON_OK;
}

const operon_entry entry = {OPERON_ABI_MAGIC, sizeof entry, OPERON_ABI_MAJOR, 0, {"throwing", 8}, {"1.0.0", 5}, create};

}  // namespace

extern "C" OPERON_EXPORT const operon_entry* operon_entry_v1(void) {
  return &entry;
}

/* operon/plugin.h: the one exported function, and the life of an instance:
 *
 *   create -> configure -> calls ... (configure again on reload) -> quiesce -> destroy
 *
 * The library is never unloaded. create() may be called several times: each instance is independent. */
#ifndef OPERON_PLUGIN_H
#define OPERON_PLUGIN_H

#include "operon/host.h"
#include "operon/interface.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  OPERON_CONCURRENT = 0, /* [instance] verbs may overlap */
  OPERON_SERIAL = 1      /* the host runs one verb at a time */
};

typedef struct operon_plugin_api {
  uint32_t struct_size, concurrency;

  /* The request is the instance's configuration, already valid against the manifest's schema. A reload drains calls first; an error
   * keeps the old configuration in force. [serial] */
  operon_verb_fn configure;

  /* NULL when not offered. What it points to lives as long as the library. [any-thread] [no-block] */
  const operon_interface* (*get_interface)(operon_plugin*, operon_str id)OPERON_NOEXCEPT;

  /* When it returns all calls are finished, the plugin's threads are joined, and no notify or invoke follows. [serial] */
  void (*quiesce)(operon_plugin*) OPERON_NOEXCEPT;

  /* Frees the instance; only after quiesce. [serial] */
  void (*destroy)(operon_plugin*) OPERON_NOEXCEPT;
} operon_plugin_api;

typedef struct operon_entry {
  uint32_t magic, struct_size, abi_major, abi_min_minor; /* abi_min_minor: the oldest host minor this plugin can live with */
  operon_str id, version;                                /* equal to the manifest's, which the host has read first */

  /* The host API and the instance name live until destroy() has returned. [serial] [no-block] */
  operon_status (*create)(const operon_host_api*, operon_str instance_name, operon_plugin**, const operon_plugin_api**) OPERON_NOEXCEPT;
} operon_entry;

/* The only exported symbol: a function, not data; the major version is in its name. [any-thread] [no-block] */
OPERON_EXPORT const operon_entry* operon_entry_v1(void);
typedef const operon_entry* (*operon_entry_fn)(void); /* [any-thread] [no-block] */
#define OPERON_ENTRY_SYMBOL "operon_entry_v1"

#ifdef __cplusplus
}
#endif
#endif

/* A target provider that answers `list` in a wrong way. Written against the bare C headers: the SDK would not let it. */
#include <operon/operon.h>
#include <stdlib.h>
#include <string.h>

struct operon_plugin {
  const operon_call_api* call;
  char way[32];
};

static operon_str text(const char* s) {
  operon_str out = {s, strlen(s)};
  return out;
}

static operon_status configure(operon_plugin* p, operon_call* c, operon_str request) {
  static const char* const ways[] = {"fine", "no-json", "wrong-type", "twice", "never", "status", "pending-twice"};
  char json[256] = {0};
  size_t i;
  (void)c;
  memcpy(json, request.ptr, request.len < sizeof json - 1 ? request.len : sizeof json - 1);
  for (i = 0; i < sizeof ways / sizeof ways[0]; ++i) {
    char quoted[40] = "\"";
    strcat(strcat(quoted, ways[i]), "\"");
    if (strstr(json, quoted)) strcpy(p->way, ways[i]);
  }
  return OPERON_OK;
}

static operon_status list(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  if (strcmp(p->way, "never") == 0) return OPERON_PENDING;
  if (strcmp(p->way, "status") == 0) return 77;
  if (strcmp(p->way, "wrong-type") == 0) {
    p->call->emit(c, OPERON_STREAM_ITEM, text("{\"clusterName\":7}"));
    return OPERON_OK;
  }
  if (strcmp(p->way, "no-json") == 0) {
    p->call->emit(c, OPERON_STREAM_ITEM, text("{\"clusterName\":"));
    return OPERON_OK;
  }
  p->call->emit(c, OPERON_STREAM_ITEM, text("{\"clusterName\":\"fine\",\"clusterApiUrl\":\"\"}"));
  if (strcmp(p->way, "twice") == 0) {
    p->call->reply(c, text("{}"));
    p->call->reply(c, text("{}"));
  }
  if (strcmp(p->way, "pending-twice") == 0) {
    p->call->finish(c, OPERON_OK);
    p->call->finish(c, OPERON_OK);
    return OPERON_PENDING;
  }
  return OPERON_OK;
}

static operon_status get(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  p->call->fail(c, OPERON_NOT_FOUND, text("no such cluster"), text("{}"));
  return OPERON_NOT_FOUND;
}

static operon_status probe(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  p->call->reply(c, text("{\"reachable\":true,\"message\":\"\"}"));
  return OPERON_OK;
}

#define STR(s) \
  { s, sizeof(s) - 1 }
static const operon_verb verbs[] = {{STR("list"), list, OPERON_VERB_STREAMS, 0}, {STR("get"), get, 0, 0}, {STR("probe"), probe, 0, 0}};
static const operon_interface provider = {sizeof provider, sizeof(operon_verb), STR("operon.target-provider/1"), verbs, 3, 0};

static const operon_interface* get_interface(operon_plugin* p, operon_str id) {
  (void)p;
  return id.len == provider.id.len && memcmp(id.ptr, provider.id.ptr, id.len) == 0 ? &provider : NULL;
}
static void quiesce(operon_plugin* p) {
  (void)p;
}
static void destroy(operon_plugin* p) {
  free(p);
}

static const operon_plugin_api api = {sizeof api, OPERON_CONCURRENT, configure, get_interface, quiesce, destroy};

static operon_status create(const operon_host_api* host, operon_str name, operon_plugin** plugin, const operon_plugin_api** out) {
  (void)name;
  *plugin = calloc(1, sizeof **plugin);
  if (!*plugin) return OPERON_RESOURCE_EXHAUSTED;
  (*plugin)->call = host->call;
  *out = &api;
  return OPERON_OK;
}

static const operon_entry entry = {OPERON_ABI_MAGIC, sizeof entry, OPERON_ABI_MAJOR, 0, STR("target-nonsense"), STR("0.1.0"), create};
const operon_entry* operon_entry_v1(void) {
  return &entry;
}

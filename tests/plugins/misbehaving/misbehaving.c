/* The plugin `misbehaving`: each verb of test.misbehaving/1 breaks the contract in one way, or keeps a difficult part of it. Written
 * against the bare C headers. Compile definitions make the variants that are refused when they are loaded:
 *
 *   BAD_MAGIC, BAD_MAJOR, BAD_MINOR, BAD_ID, BAD_VERSION, NULL_ENTRY, NO_CREATE    the entry
 *   CREATE_FAILS, CREATE_NOTHING, CREATE_ASKS                                      create()
 *   NO_QUIESCE, HALF_INTERFACE, NO_FUNCTION, TWO_OF_A_NAME, NO_INTERFACE           the tables
 *   SERIAL                                                                         the same verbs, one at a time
 *   LONG_VERBS                                                                     a younger ABI: verbs longer than the host's
 */
#include <operon/operon.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef BAD_MAGIC
#define MAGIC 0x12345678u
#else
#define MAGIC OPERON_ABI_MAGIC
#endif
#ifdef BAD_MAJOR
#define MAJOR 7u
#else
#define MAJOR OPERON_ABI_MAJOR
#endif
#ifdef BAD_MINOR
#define MIN_MINOR 99u
#else
#define MIN_MINOR 0u
#endif
#ifdef BAD_ID
#define ID "somebody-else"
#else
#define ID "misbehaving"
#endif
#ifdef BAD_VERSION
#define VERSION "9.9.9"
#else
#define VERSION "1.0.0"
#endif

struct operon_plugin {
  const operon_host_api* host;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int released;            /* what `block` waits for */
  int inside, most_inside; /* verbs at the same time */
  operon_call* kept;       /* a handle kept past its end, or pending */
  unsigned left;           /* chunks that `stream_async` still has to send */
  pthread_t thread;
  int thread_used;
};

static operon_str text(const char* s) {
  operon_str out = {s, strlen(s)};
  return out;
}
static operon_str nothing(void) {
  operon_str out = {NULL, 0};
  return out;
}

/* {"status": N} */
static operon_status say_status(operon_plugin* p, operon_call* c, long n) {
  char line[64];
  snprintf(line, sizeof line, "{\"status\":%ld}", n);
  p->host->call->reply(c, text(line));
  return OPERON_OK;
}

static long number_in(operon_str json, const char* key, long fallback) {
  char quoted[64], copy[512];
  const char* at;
  if (json.len >= sizeof copy) return fallback;
  memcpy(copy, json.ptr, json.len);
  copy[json.len] = 0;
  snprintf(quoted, sizeof quoted, "\"%s\":", key);
  at = strstr(copy, quoted);
  return at ? strtol(at + strlen(quoted), NULL, 10) : fallback;
}

/* ---- answers that are none ---- */

static operon_status echo(operon_plugin* p, operon_call* c, operon_str request) {
  p->host->call->reply(c, request);
  return OPERON_OK;
}
static operon_status nonsense(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  p->host->call->reply(c, text("{not json"));
  return OPERON_OK;
}
static operon_status null_reply(operon_plugin* p, operon_call* c, operon_str request) {
  operon_str broken = {NULL, 10};
  (void)request;
  p->host->call->reply(c, broken);
  return OPERON_OK;
}
static operon_status big_reply(operon_plugin* p, operon_call* c, operon_str request) {
  size_t n = (size_t)number_in(request, "bytes", 5 << 20);
  char* json = malloc(n);
  operon_str out;
  memset(json, 'x', n);
  json[0] = json[n - 1] = '"';
  out.ptr = json;
  out.len = n;
  p->host->call->reply(c, out);
  free(json);
  return OPERON_OK;
}
static operon_status reply_twice(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  p->host->call->reply(c, text("1"));
  p->host->call->reply(c, text("2"));
  return OPERON_OK;
}
static operon_status no_reply(operon_plugin* p, operon_call* c, operon_str request) {
  (void)p, (void)c, (void)request;
  return OPERON_OK;
}
static operon_status bad_status(operon_plugin* p, operon_call* c, operon_str request) {
  (void)p, (void)c, (void)request;
  return 99;
}
static operon_status fails(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  p->host->call->fail(c, OPERON_NOT_FOUND, text("no such thing"), text("{\"reason\":\"Gone\",\"field\":\"id\",\"retryAfterMs\":1500}"));
  return OPERON_NOT_FOUND;
}
static operon_status fails_silently(operon_plugin* p, operon_call* c, operon_str request) {
  (void)p, (void)c, (void)request;
  return OPERON_NOT_FOUND;
}
static operon_status fail_nonsense(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  p->host->call->fail(c, OPERON_NOT_FOUND, text("x"), text("[1,2"));
  return OPERON_NOT_FOUND;
}

/* ---- ends that are none ---- */

static operon_status finish_and_return(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  p->host->call->finish(c, OPERON_OK);
  return OPERON_OK;
}
static operon_status finish_twice(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  p->host->call->reply(c, text("1"));
  p->host->call->finish(c, OPERON_OK);
  p->host->call->finish(c, OPERON_OK);
  return OPERON_PENDING;
}
static operon_status finish_nonsense(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  p->host->call->finish(c, 4711);
  return OPERON_PENDING;
}
static operon_status finish_early(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  p->host->call->reply(c, text("\"early\""));
  p->host->call->finish(c, OPERON_OK);
  return OPERON_PENDING;
}
/* Kept until `end_kept`. */
static operon_status never(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  pthread_mutex_lock(&p->mutex);
  p->kept = c;
  pthread_mutex_unlock(&p->mutex);
  return OPERON_PENDING;
}
static operon_status keep(operon_plugin* p, operon_call* c, operon_str request) {
  never(p, c, request);
  p->host->call->reply(c, text("true"));
  return OPERON_OK;
}
static operon_call* kept(operon_plugin* p) {
  operon_call* c;
  pthread_mutex_lock(&p->mutex);
  c = p->kept;
  pthread_mutex_unlock(&p->mutex);
  return c;
}
static operon_status end_kept(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  p->host->call->reply(kept(p), text("\"at last\""));
  return say_status(p, c, p->host->call->finish(kept(p), OPERON_OK));
}
static operon_status emit_kept(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  return say_status(p, c, p->host->call->emit(kept(p), OPERON_STREAM_STDOUT, text("late")));
}
/* Everything that can be done with a handle, once; the sum of the answers that are OPERON_CANCELLED. */
static operon_status use_kept(operon_plugin* p, operon_call* c, operon_str request) {
  const operon_call_api* api = p->host->call;
  operon_call* k = kept(p);
  char byte;
  int n = 0;
  (void)request;
  n += api->is_cancelled(k) != 0;
  n += api->deadline_unix_ms(k) == 0;
  n += api->metadata(k, text("user")).ptr == NULL;
  n += api->on_cancel(k, NULL, NULL) == OPERON_CANCELLED;
  n += api->cancel_fd(k) == -1;
  n += api->reply(k, text("1")) == OPERON_CANCELLED;
  n += api->emit(k, OPERON_STREAM_STDOUT, text("x")) == OPERON_CANCELLED;
  n += api->on_writable(k, NULL, NULL) == OPERON_CANCELLED;
  n += api->blob_read(k, text("x"), 0, &byte, 1) == -OPERON_CANCELLED;
  n += api->fail(k, OPERON_INTERNAL, text("x"), nothing()) == OPERON_CANCELLED;
  n += api->finish(k, OPERON_OK) == OPERON_CANCELLED;
  return say_status(p, c, n);
}

/* ---- time ---- */

/* Deaf: returns when `release` says so. */
static operon_status block(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  pthread_mutex_lock(&p->mutex);
  if (++p->inside > p->most_inside) p->most_inside = p->inside;
  pthread_cond_broadcast(&p->changed);
  while (!p->released) pthread_cond_wait(&p->changed, &p->mutex);
  --p->inside;
  pthread_mutex_unlock(&p->mutex);
  p->host->call->reply(c, text("\"released\""));
  return OPERON_OK;
}
static operon_status release(operon_plugin* p, operon_call* c, operon_str request) {
  pthread_mutex_lock(&p->mutex);
  p->released = (int)number_in(request, "released", 1);
  pthread_cond_broadcast(&p->changed);
  pthread_mutex_unlock(&p->mutex);
  return say_status(p, c, 0);
}
/* Answers when `count` verbs are inside `block`. */
static operon_status wait_inside(operon_plugin* p, operon_call* c, operon_str request) {
  long count = number_in(request, "count", 1);
  pthread_mutex_lock(&p->mutex);
  while (p->inside < count) pthread_cond_wait(&p->changed, &p->mutex);
  pthread_mutex_unlock(&p->mutex);
  return say_status(p, c, 0);
}
static operon_status most_inside(operon_plugin* p, operon_call* c, operon_str request) {
  long n;
  (void)request;
  pthread_mutex_lock(&p->mutex);
  n = p->most_inside;
  pthread_mutex_unlock(&p->mutex);
  return say_status(p, c, n);
}
/* A little work that would overlap if it could. */
static operon_status overlap(operon_plugin* p, operon_call* c, operon_str request) {
  struct timespec little = {0, 200000};
  (void)request;
  pthread_mutex_lock(&p->mutex);
  if (++p->inside > p->most_inside) p->most_inside = p->inside;
  pthread_mutex_unlock(&p->mutex);
  nanosleep(&little, NULL);
  pthread_mutex_lock(&p->mutex);
  --p->inside;
  pthread_mutex_unlock(&p->mutex);
  return say_status(p, c, 0);
}
/* Polls the descriptor; ends as soon as it is readable. */
static operon_status wait_fd(operon_plugin* p, operon_call* c, operon_str request) {
  struct pollfd fd;
  (void)request;
  fd.fd = p->host->call->cancel_fd(c);
  fd.events = POLLIN;
  fd.revents = 0;
  if (fd.fd < 0) return OPERON_RESOURCE_EXHAUSTED;
  while (poll(&fd, 1, -1) < 0) {
  }
  return p->host->call->is_cancelled(c) ? OPERON_CANCELLED : OPERON_INTERNAL;
}
static void finish_cancelled(void* arg);
struct cancel_arg {
  operon_plugin* plugin;
  operon_call* call;
};
static operon_status wait_callback(operon_plugin* p, operon_call* c, operon_str request) {
  struct cancel_arg* arg = malloc(sizeof *arg);
  (void)request;
  arg->plugin = p;
  arg->call = c;
  p->host->call->on_cancel(c, finish_cancelled, arg);
  return p->host->call->on_cancel(c, finish_cancelled, arg) == OPERON_ALREADY_EXISTS ? OPERON_PENDING : OPERON_INTERNAL;
}
static void finish_when_released(void* arg);
/* Blocks in the callback, where nobody may. */
static operon_status block_in_callback(operon_plugin* p, operon_call* c, operon_str request) {
  struct cancel_arg* arg = malloc(sizeof *arg);
  (void)request;
  arg->plugin = p;
  arg->call = c;
  p->host->call->on_cancel(c, finish_when_released, arg);
  return OPERON_PENDING;
}
static void finish_when_released(void* arg) {
  struct cancel_arg* a = arg;
  pthread_mutex_lock(&a->plugin->mutex);
  while (!a->plugin->released) pthread_cond_wait(&a->plugin->changed, &a->plugin->mutex);
  pthread_mutex_unlock(&a->plugin->mutex);
  a->plugin->host->call->finish(a->call, OPERON_CANCELLED);
  free(a);
}
static void finish_cancelled(void* arg) {
  struct cancel_arg* a = arg;
  a->plugin->host->call->fail(a->call, OPERON_CANCELLED, text("I was told"), nothing());
  a->plugin->host->call->finish(a->call, OPERON_CANCELLED);
  free(a);
}

#include "streams_and_host.h"

/* ---- tables ---- */

#ifdef LONG_VERBS
typedef struct long_verb {
  operon_verb verb;
  void* younger[2];
} long_verb;
#define VERB(fn, flags)                      \
  {                                          \
    {{#fn, sizeof #fn - 1}, fn, flags, 0}, { \
      NULL, NULL                             \
    }                                        \
  }
#define VERB_TYPE long_verb
#else
#define VERB(fn, flags) \
  { {#fn, sizeof #fn - 1}, fn, flags, 0 }
#define VERB_TYPE operon_verb
#endif
#define STR(s) \
  { s, sizeof s - 1 }

static const VERB_TYPE verbs[] = {
    VERB(echo, OPERON_VERB_NO_BLOCK),
    VERB(nonsense, 0),
    VERB(null_reply, 0),
    VERB(big_reply, 0),
    VERB(reply_twice, 0),
    VERB(no_reply, 0),
    VERB(bad_status, 0),
    VERB(fails, OPERON_VERB_NO_BLOCK),
    VERB(fails_silently, 0),
    VERB(fail_nonsense, 0),
    VERB(finish_and_return, 0),
    VERB(finish_twice, 0),
    VERB(finish_nonsense, 0),
    VERB(finish_early, OPERON_VERB_NO_BLOCK),
    VERB(never, OPERON_VERB_NO_BLOCK | OPERON_VERB_STREAMS),
    VERB(keep, 0),
    VERB(end_kept, OPERON_VERB_NO_BLOCK),
    VERB(emit_kept, OPERON_VERB_NO_BLOCK),
    VERB(use_kept, 0),
    VERB(block, 0),
    VERB(release, OPERON_VERB_NO_BLOCK),
    VERB(wait_inside, 0),
    VERB(most_inside, OPERON_VERB_NO_BLOCK),
    VERB(overlap, 0),
    VERB(wait_fd, OPERON_VERB_STREAMS),
    VERB(wait_callback, OPERON_VERB_NO_BLOCK),
    VERB(block_in_callback, OPERON_VERB_NO_BLOCK),
    VERB(flood, OPERON_VERB_STREAMS),
    VERB(stream_async, OPERON_VERB_STREAMS | OPERON_VERB_NO_BLOCK),
    VERB(emit_unflagged, 0),
    VERB(bad_item, OPERON_VERB_STREAMS),
    VERB(emit_once, OPERON_VERB_STREAMS),
    VERB(metadata, 0),
    VERB(blob, 0),
    VERB(host_sleep, OPERON_VERB_NO_BLOCK),
    VERB(host_service, OPERON_VERB_NO_BLOCK),
    VERB(undeclared, 0),
    VERB(invoke_nonsense, 0),
    VERB(notifies, 0),
    VERB(logs, 0),
    VERB(other_thread, OPERON_VERB_NO_BLOCK),
    VERB(race, OPERON_VERB_STREAMS),
};
static const operon_interface table = {
    sizeof table, sizeof(VERB_TYPE), STR("test.misbehaving/1"), (const operon_verb*)verbs, sizeof verbs / sizeof verbs[0], 0};

#if defined(HALF_INTERFACE) || defined(NO_FUNCTION) || defined(TWO_OF_A_NAME)
static const operon_verb half[] = {
    {STR("list"), echo, 0, 0},
#ifdef NO_FUNCTION
    {STR("detail"), NULL, 0, 0},
#else
    {STR("detail"), echo, 0, 0},
#endif
#ifdef TWO_OF_A_NAME
    {STR("list"), echo, 0, 0},
#endif
};
static const operon_interface registry = {
    sizeof registry, sizeof(operon_verb), STR("operon.scenario-registry/1"), half, sizeof half / sizeof half[0], 0};
#endif

/* ---- life ---- */

static operon_status configure(operon_plugin* p, operon_call* c, operon_str request) {
  if (number_in(request, "reject", 0) != 0) {
    p->host->call->fail(c, OPERON_FAILED_PRECONDITION, text("I do not like this configuration"), nothing());
    return OPERON_FAILED_PRECONDITION;
  }
  if (number_in(request, "hang", 0) != 0) return OPERON_PENDING;
  pthread_mutex_lock(&p->mutex);
  p->left = (unsigned)number_in(request, "number", 0);
  pthread_mutex_unlock(&p->mutex);
  return OPERON_OK;
}
static const operon_interface* get_interface(operon_plugin* p, operon_str id) {
  (void)p;
#ifdef NO_INTERFACE
  (void)id;
  return NULL;
#else
#if defined(HALF_INTERFACE) || defined(NO_FUNCTION) || defined(TWO_OF_A_NAME)
  if (id.len == registry.id.len && memcmp(id.ptr, registry.id.ptr, id.len) == 0) return &registry;
#endif
  return id.len == table.id.len && memcmp(id.ptr, table.id.ptr, id.len) == 0 ? &table : NULL;
#endif
}
#ifndef NO_QUIESCE
static void quiesce(operon_plugin* p) {
  pthread_mutex_lock(&p->mutex);
  p->released = 1;
  pthread_cond_broadcast(&p->changed);
  pthread_mutex_unlock(&p->mutex);
}
#endif
static void destroy(operon_plugin* p) {
  /* Nobody may ask the host any more; this does. */
  operon_sink sink;
  memset(&sink, 0, sizeof sink);
  sink.struct_size = sizeof sink;
  sink.done = pass_on;
  p->host->notify(p->host->self, text("job"), text("too late"));
  p->host->invoke(p->host->self, NULL, text("test.host/1"), text("any"), text("{}"), &sink, NULL);
  pthread_mutex_destroy(&p->mutex);
  pthread_cond_destroy(&p->changed);
  free(p);
}

static const operon_plugin_api api = {sizeof api,
#ifdef SERIAL
                                      OPERON_SERIAL,
#else
                                      OPERON_CONCURRENT,
#endif
                                      configure,     get_interface,
#ifdef NO_QUIESCE
                                      NULL,
#else
                                      quiesce,
#endif
                                      destroy};

#ifndef NO_CREATE
static operon_status create(const operon_host_api* host, operon_str name, operon_plugin** out, const operon_plugin_api** functions) {
  operon_plugin* p;
  (void)name;
#ifdef CREATE_FAILS
  (void)host, (void)out, (void)functions;
  return OPERON_UNAVAILABLE;
#endif
#ifdef CREATE_NOTHING
  (void)host, (void)out, (void)functions;
  return OPERON_OK;
#endif
#ifdef CREATE_ASKS
  host->notify(host->self, text("job"), text("too early"));
#endif
  p = calloc(1, sizeof *p);
  if (!p) return OPERON_RESOURCE_EXHAUSTED;
  p->host = host;
  pthread_mutex_init(&p->mutex, NULL);
  pthread_cond_init(&p->changed, NULL);
  *out = p;
  *functions = &api;
  return OPERON_OK;
}
#endif

static const operon_entry entry = {MAGIC, sizeof entry, MAJOR, MIN_MINOR, STR(ID), STR(VERSION),
#ifdef NO_CREATE
                                   NULL
#else
                                   create
#endif
};

OPERON_EXPORT const operon_entry* operon_entry_v1(void) {
#ifdef NULL_ENTRY
  return NULL;
#else
  (void)entry;
  return &entry;
#endif
}

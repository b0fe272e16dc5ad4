/* The verbs of misbehaving.c that stream, carry something beside the request, or ask the host. Part of that file, which includes it once.
 */

/* ---- streams ---- */

/* Emits until it is told not to; says how often and why it ended. */
static operon_status flood(operon_plugin* p, operon_call* c, operon_str request) {
  char chunk[1000], line[64];
  operon_str data;
  operon_status status;
  unsigned n = 0;
  (void)request;
  memset(chunk, 'x', sizeof chunk);
  data.ptr = chunk;
  data.len = sizeof chunk;
  while ((status = p->host->call->emit(c, OPERON_STREAM_STDOUT, data)) == OPERON_OK) ++n;
  snprintf(line, sizeof line, "{\"chunks\":%u,\"status\":%d}", n, (int)status);
  p->host->call->reply(c, text(line));
  return OPERON_OK;
}
struct stream_state {
  operon_plugin* plugin;
  operon_call* call;
  unsigned next, count;
};
static void stream_more(void* arg) {
  struct stream_state* s = arg;
  const operon_call_api* api = s->plugin->host->call;
  char chunk[1024];
  operon_str data = {chunk, sizeof chunk};
  while (s->next < s->count) {
    operon_status status;
    memset(chunk, 'a' + (int)(s->next % 26), sizeof chunk);
    snprintf(chunk, 16, "%08u", s->next);
    status = api->emit(s->call, OPERON_STREAM_STDOUT, data);
    if (status == OPERON_RESOURCE_EXHAUSTED) {
      if (api->on_writable(s->call, stream_more, s) == OPERON_OK) return;
      status = OPERON_INTERNAL;
    }
    if (status != OPERON_OK) {
      api->finish(s->call, status);
      free(s);
      return;
    }
    ++s->next;
  }
  api->reply(s->call, text("{}"));
  api->finish(s->call, OPERON_OK);
  free(s);
}
static operon_status stream_async(operon_plugin* p, operon_call* c, operon_str request) {
  struct stream_state* s = malloc(sizeof *s);
  s->plugin = p;
  s->call = c;
  s->next = 0;
  s->count = (unsigned)number_in(request, "count", 10);
  stream_more(s);
  return OPERON_PENDING;
}
static operon_status emit_unflagged(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  return say_status(p, c, p->host->call->emit(c, OPERON_STREAM_STDOUT, text("x")));
}
static operon_status bad_item(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  return say_status(p, c, p->host->call->emit(c, OPERON_STREAM_ITEM, text("{\"a\":")));
}
static operon_status emit_once(operon_plugin* p, operon_call* c, operon_str request) {
  return say_status(p, c, p->host->call->emit(c, OPERON_STREAM_ITEM, request));
}

/* ---- what travels beside ---- */

static operon_status metadata(operon_plugin* p, operon_call* c, operon_str request) {
  char line[512];
  operon_str id = p->host->call->metadata(c, text("request-id")), job = p->host->call->metadata(c, text("job-id"));
  operon_str user = p->host->call->metadata(c, text("user")), none = p->host->call->metadata(c, text("nothing-like-it"));
  (void)request;
  snprintf(line, sizeof line, "{\"requestId\":\"%.*s\",\"jobId\":\"%.*s\",\"user\":\"%.*s\",\"none\":%d,\"deadline\":%lld}", (int)id.len,
           id.ptr, (int)job.len, job.ptr, (int)user.len, user.ptr, none.ptr == NULL, (long long)p->host->call->deadline_unix_ms(c));
  p->host->call->reply(c, text(line));
  return OPERON_OK;
}
static operon_status blob(operon_plugin* p, operon_call* c, operon_str request) {
  char piece[4], all[64];
  size_t n = 0;
  int64_t got;
  (void)request;
  all[n++] = '"';
  while ((got = p->host->call->blob_read(c, text("file-1"), n - 1, piece, sizeof piece)) > 0 && n + (size_t)got + 2 < sizeof all) {
    memcpy(all + n, piece, (size_t)got);
    n += (size_t)got;
  }
  all[n++] = '"';
  all[n] = 0;
  if (got < 0) return (operon_status)-got;
  if (p->host->call->blob_read(c, text("unknown"), 0, piece, 1) != -OPERON_NOT_FOUND) return OPERON_INTERNAL;
  p->host->call->reply(c, text(all));
  return OPERON_OK;
}

/* ---- the host ---- */

static operon_status refuse_chunk(void* arg, uint32_t stream, operon_str data) {
  (void)arg, (void)stream, (void)data;
  return OPERON_CANCELLED;
}
static void pass_on(void* arg, operon_status status, operon_str reply, operon_str details) {
  struct cancel_arg* a = arg;
  const operon_call_api* api = a->plugin->host->call;
  if (status == OPERON_OK) {
    api->reply(a->call, reply);
  } else {
    api->fail(a->call, status, reply, details);
  }
  api->finish(a->call, status);
  free(a);
}
static operon_status ask(operon_plugin* p, operon_call* c, const char* service, const char* verb, operon_str request) {
  struct cancel_arg* arg = malloc(sizeof *arg);
  operon_sink sink;
  operon_operation* operation = NULL;
  operon_status status;
  memset(&sink, 0, sizeof sink);
  sink.struct_size = sizeof sink;
  sink.arg = arg;
  sink.chunk = refuse_chunk;
  sink.done = pass_on;
  arg->plugin = p;
  arg->call = c;
  status = p->host->invoke(p->host->self, c, text(service), text(verb), request, &sink, &operation);
  if (status == OPERON_OK) return OPERON_PENDING;
  free(arg);
  return status;
}
static operon_status host_sleep(operon_plugin* p, operon_call* c, operon_str request) {
  return ask(p, c, "operon.host.executor/1", "sleep", request);
}
static operon_status host_service(operon_plugin* p, operon_call* c, operon_str request) {
  return ask(p, c, "test.host/1", "any", request);
}
static operon_status undeclared(operon_plugin* p, operon_call* c, operon_str request) {
  return ask(p, c, "operon.host.kube/1", "request", request);
}
static operon_status invoke_nonsense(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  return say_status(p, c, p->host->invoke(p->host->self, c, text("test.host/1"), text("any"), text("{"), NULL, NULL));
}
static operon_status notifies(operon_plugin* p, operon_call* c, operon_str request) {
  (void)request;
  return say_status(p, c, p->host->notify(p->host->self, text("job"), text("42")));
}
static operon_status logs(operon_plugin* p, operon_call* c, operon_str request) {
  p->host->log(p->host->self, OPERON_LOG_INFO, text("hello from the plugin"), request);
  return say_status(p, c, p->host->log_enabled(p->host->self, OPERON_LOG_ERROR));
}
static void* finish_elsewhere(void* arg) {
  struct cancel_arg* a = arg;
  a->plugin->host->call->reply(a->call, text("\"elsewhere\""));
  a->plugin->host->call->finish(a->call, OPERON_OK);
  free(a);
  return NULL;
}
static operon_status other_thread(operon_plugin* p, operon_call* c, operon_str request) {
  struct cancel_arg* arg = malloc(sizeof *arg);
  pthread_t thread;
  (void)request;
  arg->plugin = p;
  arg->call = c;
  if (pthread_create(&thread, NULL, finish_elsewhere, arg) != 0) return OPERON_RESOURCE_EXHAUSTED;
  pthread_detach(thread);
  return OPERON_PENDING;
}
static void* race_finish(void* arg) {
  struct cancel_arg* a = arg;
  a->plugin->host->call->emit(a->call, OPERON_STREAM_STDOUT, text("x"));
  a->plugin->host->call->reply(a->call, text("1"));
  a->plugin->host->call->finish(a->call, OPERON_OK);
  return NULL;
}
/* Two threads answer and end the same call at once; joined here, so that the verb's return comes after both. */
static operon_status race(operon_plugin* p, operon_call* c, operon_str request) {
  struct cancel_arg arg;
  pthread_t one, two;
  (void)request;
  arg.plugin = p;
  arg.call = c;
  if (pthread_create(&one, NULL, race_finish, &arg) != 0) return OPERON_RESOURCE_EXHAUSTED;
  if (pthread_create(&two, NULL, race_finish, &arg) == 0) pthread_join(two, NULL);
  pthread_join(one, NULL);
  return OPERON_PENDING;
}

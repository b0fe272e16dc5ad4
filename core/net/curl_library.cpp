#include "core/net/curl_library.hpp"

#include <dlfcn.h>

#include "operon/error.hpp"

namespace operon::net {
namespace {

constexpr const char* soname = "libcurl.so.4";

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr)
    throw Error(Code::unavailable, std::string(soname) + ": " + name + " is missing; a libcurl of 7.85 or later is needed");
}

CurlLibrary load() {
  void* library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw Error(Code::unavailable, std::string("outbound HTTP needs libcurl: ") + dlerror() + "; install the package libcurl4");
  }
  CurlLibrary curl{};
#define OPERON_FIND(name) find(library, "curl_" #name, curl.name)
  OPERON_FIND(global_init);
  OPERON_FIND(free);
  OPERON_FIND(easy_init);
  OPERON_FIND(easy_reset);
  OPERON_FIND(easy_cleanup);
  OPERON_FIND(easy_setopt);
  OPERON_FIND(easy_getinfo);
  OPERON_FIND(easy_strerror);
  OPERON_FIND(easy_pause);
  OPERON_FIND(easy_perform);
  OPERON_FIND(easy_send);
  OPERON_FIND(easy_recv);
  OPERON_FIND(slist_append);
  OPERON_FIND(slist_free_all);
  OPERON_FIND(multi_init);
  OPERON_FIND(multi_cleanup);
  OPERON_FIND(multi_setopt);
  OPERON_FIND(multi_add_handle);
  OPERON_FIND(multi_remove_handle);
  OPERON_FIND(multi_perform);
  OPERON_FIND(multi_socket_action);
  OPERON_FIND(multi_poll);
  OPERON_FIND(multi_wakeup);
  OPERON_FIND(multi_info_read);
  OPERON_FIND(url_cleanup);
  OPERON_FIND(url_get);
  OPERON_FIND(url_set);
#undef OPERON_FIND
  find(library, "curl_url", curl.url);
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw Error(Code::unavailable, "libcurl cannot be started");
  return curl;
}

}  // namespace

const CurlLibrary& curl_library() {
  static const CurlLibrary loaded = load();
  return loaded;
}

}  // namespace operon::net

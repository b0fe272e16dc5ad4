#include "core/jobs/postgres_library.hpp"

#include <dlfcn.h>

#include <string>

#include "operon/error.hpp"

namespace operon::jobs::postgres {
namespace {

constexpr const char* soname = "libpq.so.5";

template <class Function>
void find(void* opened, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(opened, name));
  if (function == nullptr) throw Error(Code::unavailable, std::string(soname) + ": " + name + " is missing; install a newer libpq5");
}

Library load() {
  void* opened = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr)
    throw Error(Code::unavailable, std::string("jobs.database needs libpq: ") + dlerror() + "; install the package libpq5");
  Library pq{};
#define OPERON_FIND(name) find(opened, "PQ" #name, pq.name)
  OPERON_FIND(connectdbParams);
  OPERON_FIND(finish);
  OPERON_FIND(status);
  OPERON_FIND(errorMessage);
  OPERON_FIND(socket);
  OPERON_FIND(setnonblocking);
  OPERON_FIND(setNoticeProcessor);
  OPERON_FIND(parameterStatus);
  OPERON_FIND(sendQuery);
  OPERON_FIND(sendPrepare);
  OPERON_FIND(sendQueryPrepared);
  OPERON_FIND(setSingleRowMode);
  OPERON_FIND(flush);
  OPERON_FIND(consumeInput);
  OPERON_FIND(isBusy);
  OPERON_FIND(getResult);
  OPERON_FIND(clear);
  OPERON_FIND(resultStatus);
  OPERON_FIND(resultErrorField);
  OPERON_FIND(getvalue);
  OPERON_FIND(getlength);
  OPERON_FIND(getisnull);
  OPERON_FIND(cmdTuples);
  OPERON_FIND(cmdStatus);
  OPERON_FIND(conninfoParse);
  OPERON_FIND(conninfoFree);
  OPERON_FIND(freemem);
#undef OPERON_FIND
  return pq;
}

}  // namespace

const Library& library() {
  static const Library loaded = load();
  return loaded;
}

}  // namespace operon::jobs::postgres

#include "core/kube/permissions.hpp"

#include <catch2/catch.hpp>

#include "operon/error.hpp"

using namespace operon;
using namespace operon::kube;
using Catch::Matchers::Contains;

TEST_CASE("a request is taken for what the API server takes it for") {
  struct Row {
    const char *method, *path;
    bool watch;
    Access access;
  };
  const Row rows[] = {
      {"GET", "/api/v1/namespaces/n/pods", false, {"list", "", "pods", "n", ""}},
      {"GET", "/api/v1/namespaces/n/pods", true, {"watch", "", "pods", "n", ""}},
      {"GET", "/api/v1/pods", false, {"list", "", "pods", "", ""}},
      {"GET", "/api/v1/namespaces/n/pods/a", false, {"get", "", "pods", "n", "a"}},
      {"GET", "/api/v1/namespaces/n/pods/a/log", false, {"get", "", "pods/log", "n", "a"}},
      {"POST", "/apis/batch/v1/namespaces/n/jobs", false, {"create", "batch", "jobs", "n", ""}},
      {"PUT", "/apis/batch/v1/namespaces/n/jobs/a/status", false, {"update", "batch", "jobs/status", "n", "a"}},
      {"PATCH", "/api/v1/nodes/a", false, {"patch", "", "nodes", "", "a"}},
      {"DELETE", "/api/v1/namespaces/n/pods/a", false, {"delete", "", "pods", "n", "a"}},
      {"DELETE", "/api/v1/namespaces/n/pods", false, {"deletecollection", "", "pods", "n", ""}},
      {"GET", "/api/v1/namespaces/n", false, {"get", "", "namespaces", "", "n"}},
      {"PUT", "/api/v1/namespaces/n/finalize", false, {"update", "", "namespaces/finalize", "", "n"}},
  };
  for (const auto& row : rows) {
    INFO(row.method << " " << row.path);
    const auto access = access_of(row.method, row.path, row.watch);
    CHECK(access.verb == row.access.verb);
    CHECK(access.group == row.access.group);
    CHECK(access.resource == row.access.resource);
    CHECK(access.name_space == row.access.name_space);
    CHECK(access.name == row.access.name);
  }
}

TEST_CASE("paths that are no resource, or could become another one, are refused") {
  for (const char* path : {"", "/", "/metrics", "/version", "/api", "/api/v1", "/apis/batch", "/apis/batch/v1",
                           "/api/v1/namespaces/n/pods/", "/api/v1//pods", "/api/v1/namespaces/../pods", "/api/v1/watch/pods",
                           "/api/v1/namespaces/n/pods/a/proxy/x", "/api/v1/namespaces/n%2fpods", "api/v1/pods"}) {
    INFO(path);
    CHECK_THROWS_AS(access_of("GET", path, false), Error);
  }
  CHECK_THROWS_AS(access_of("TRACE", "/api/v1/pods", false), Error);
}

TEST_CASE("only what the manifest names is permitted, and the refusal says what is missing") {
  const std::vector<PermissionRule> rules = {{{""}, {"pods", "pods/log"}, {"get", "list"}, {}, {}},
                                             {{"batch"}, {"*"}, {"*"}, {}, {"mine"}},
                                             {{""}, {"secrets"}, {"get"}, {"one"}, {}}};
  const auto allowed = [&](const Access& access) {
    try {
      check_access(access, rules, "runner");
      return true;
    } catch (const Error& e) {
      CHECK(e.code() == Code::permission_denied);
      return false;
    }
  };
  CHECK(allowed({"get", "", "pods", "n", "a"}));
  CHECK(allowed({"get", "", "pods/log", "n", "a"}));
  CHECK_FALSE(allowed({"create", "", "pods", "n", "a"}));
  CHECK_FALSE(allowed({"get", "", "pods/exec", "n", "a"}));
  CHECK_FALSE(allowed({"get", "apps", "pods", "n", "a"}));
  CHECK(allowed({"delete", "batch", "jobs", "mine", "a"}));
  CHECK_FALSE(allowed({"delete", "batch", "jobs", "yours", "a"}));
  CHECK_FALSE(allowed({"list", "batch", "jobs", "", ""}));  // of all namespaces is more than of one
  CHECK(allowed({"get", "", "secrets", "n", "one"}));
  CHECK_FALSE(allowed({"get", "", "secrets", "n", "two"}));
  CHECK_FALSE(allowed({"list", "", "secrets", "n", ""}));
  try {
    check_access({"create", "batch", "jobs", "yours", ""}, rules, "runner");
  } catch (const Error& e) {
    CHECK_THAT(e.what(), Contains("runner may not create jobs of batch in namespace yours"));
  }
}

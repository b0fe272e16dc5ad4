#include "hub.hpp"

#include <catch2/catch.hpp>

using namespace registry_oci;

TEST_CASE("short names of Docker Hub are completed as docker does") {
  const auto name = [](const char* registry, const char* repository) { return completed({registry, repository, false, false, {}}).name(); };
  CHECK(name("docker.io", "nginx") == "docker.io/library/nginx");
  CHECK(name("index.docker.io", "nginx") == "docker.io/library/nginx");
  CHECK(name("docker.io", "team/hub") == "docker.io/team/hub");
  CHECK(name("quay.io", "nginx") == "quay.io/nginx");
  CHECK(completed({"docker.io", "nginx", false, false, {}}).base() == "https://registry-1.docker.io");
}

TEST_CASE("references of Docker Hub in each way that a run may write them") {
  for (const char* written : {"nginx:1", "library/nginx:1", "docker.io/nginx:1", "index.docker.io/nginx:1", "docker.io/library/nginx:1"})
    CHECK(completed_reference(written) == "docker.io/library/nginx:1");
  CHECK(completed_reference("team/hub@sha256:0") == "docker.io/team/hub@sha256:0");
  for (const char* other : {"", "quay.io/nginx:1", "localhost/x:1", "localhost:5000/x:1", "dir://hello"})
    CHECK(completed_reference(other) == other);
}

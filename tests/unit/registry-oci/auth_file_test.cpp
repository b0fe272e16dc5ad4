#include "auth_file.hpp"

#include <catch2/catch.hpp>

#include "operon/base64.hpp"
#include "operon/error.hpp"
#include "operon/scenario_image/reports.hpp"

using namespace registry_oci;
using operon::Error;

namespace {

Credentials of(const std::string& file, const std::string& registry, const std::string& repository = "team/hub") {
  return credentials_of(file, {registry, repository, false, false, {}});
}

std::string packed(const std::string& login) {
  return operon::base64_encode(login);
}

}  // namespace

TEST_CASE("logins of a file, the longest entry that fits") {
  const std::string file = R"({"auths":{
    "registry.example":{"auth":")" +
                           packed("all:one") + R"("},
    "registry.example/team":{"auth":")" +
                           packed("team:two:three") + R"("},
    "https://old.example/v1/":{"username":"old","password":"pw"},
    "token.example:5000":{"registrytoken":"t"},
    "registry.example.org":{"auth":")" +
                           packed("other:x") + R"("}}})";
  CHECK(of(file, "registry.example", "other").username == "all");
  CHECK(of(file, "registry.example").username == "team");
  CHECK(of(file, "registry.example").password == "two:three");
  CHECK(of(file, "registry.example", "teams/hub").username == "all");
  CHECK(of(file, "old.example").password == "pw");
  CHECK(of(file, "token.example:5000").token == "t");
  CHECK(of(file, "absent.example").username.empty());
}

TEST_CASE("Docker Hub by each of its names") {
  const std::string file = R"({"auths":{"https://index.docker.io/v1/":{"username":"ann","password":"pw"}}})";
  for (const char* name : {"docker.io", "index.docker.io", "registry-1.docker.io"}) CHECK(of(file, name).username == "ann");
  CHECK(of(file, "docker.io.example").username.empty());
  CHECK(Address{"docker.io", "library/x", false, false, {}}.base() == "https://registry-1.docker.io");
  CHECK(Address{"registry.example:5000", "x", true, false, {}}.base() == "http://registry.example:5000");
}

TEST_CASE("an identity token stands beside what docker writes for a user") {
  const std::string file =
      R"({"auths":{"r.example":{"auth":")" + packed("00000000-0000-0000-0000-000000000000:") + R"(","identitytoken":"canary"}}})";
  CHECK(of(file, "r.example").identity_token == "canary");
  CHECK(of(file, "r.example").known());
}

TEST_CASE("a login that is left to a credential helper is no anonymous one") {
  const std::string told =
      "the login for r.example is left to a credential helper (credsStore), which is a program and is not run from here: put the login "
      "into "
      "the file itself (auths), as 'docker login' does without a helper and 'kubectl create secret docker-registry' always, or remove "
      "credsStore to ask anonymously";
  for (const char* file :
       {R"({"credsStore":"desktop"})", R"({"credsStore":"desktop","auths":{}})", R"({"credsStore":"desktop","auths":{"r.example":{}}})"}) {
    INFO(file);
    CHECK_THROWS_WITH(of(file, "r.example"), told);
  }
  CHECK_THROWS_WITH(of(R"({"auths":{},"credHelpers":{"https://r.example":"ecr-login"}})", "r.example"),
                    Catch::Matchers::Contains("(credHelpers)"));
  CHECK_THROWS_WITH(of(R"({"credHelpers":{"docker.io":"x"}})", "registry-1.docker.io"), Catch::Matchers::Contains("(credHelpers)"));
  CHECK_FALSE(of(R"({"auths":{},"credHelpers":{"other.example":"ecr-login"}})", "r.example").known());
  CHECK(of(R"({"credsStore":"desktop","auths":{"r.example":{"username":"ann","password":"pw"}}})", "r.example").username == "ann");
}

TEST_CASE("files of logins that make no sense are refused without a word of what is in them") {
  for (const char* file : {"", "[]", "{}", R"({"auths":[]})", R"({"auths":{"r.example":{"auth":"canary"}}})"}) {
    INFO(file);
    try {
      of(file, "r.example");
      FAIL("accepted");
    } catch (const Error& e) {
      CHECK(std::string(e.what()).find("canary") == std::string::npos);
    }
  }
  CHECK_THROWS_WITH(operon::scenario_image::read_small_file("/nowhere/config.json"),
                    "cannot read /nowhere/config.json; does it exist, and may this user read it?");
}

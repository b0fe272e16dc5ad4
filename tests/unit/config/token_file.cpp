#include "core/config/token_file.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "helpers.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::config;

namespace {
std::string failure(const std::string& text) {
  try {
    TokenFile::parse(text, "tokens");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}
}  // namespace

TEST_CASE("tokens are found by their whole text") {
  const auto file = TokenFile::parse("# who\n\n0123456789abcdef,alice,admin\r\n fedcba9876543210 , bob , view\n", "tokens");
  CHECK(file.size() == 2);
  REQUIRE(file.find("0123456789abcdef") != nullptr);
  CHECK(file.find("0123456789abcdef")->user == "alice");
  CHECK(file.find("0123456789abcdef")->role == TokenRole::admin);
  CHECK(file.find("fedcba9876543210")->role == TokenRole::view);
  CHECK(file.find("0123456789abcde") == nullptr);
  CHECK(file.find("0123456789abcdef0") == nullptr);
  CHECK(file.find("") == nullptr);
}

TEST_CASE("a bad line is named by its number, never by its token") {
  CHECK(failure("0123456789abcdef,alice\n") == "tokens, line 1: a line is token,user,role");
  CHECK(failure("#\nshort,alice,run\n") == "tokens, line 2: the token has fewer than 16 characters; make one with: openssl rand -hex 24");
  CHECK(failure("0123456789abcdef,alice,root\n") == "tokens, line 1: the role must be view, run or admin, not \"root\"");
  CHECK(failure("0123456789abcdef,,run\n") == "tokens, line 1: the user's name must be 1 to 128 printable characters");
  CHECK(failure("0123456789abcdef,a,run\n0123456789abcdef,b,run\n") == "tokens, line 2: the same token again; it belongs to a");
  CHECK(failure("# none\n") == "no token in tokens; a line is token,user,role");
  CHECK(failure("0123456789 abcdef,a,run\n") == "tokens, line 1: a token has no spaces");
}

TEST_CASE("a file that others may read is refused") {
  test::Folder folder;
  const auto path = folder.write("tokens", "0123456789abcdef,alice,run\n");
  chmod(path.c_str(), 0644);
  try {
    TokenFile::read(path);
    FAIL("read");
  } catch (const Error& e) {
    CHECK(e.code() == Code::permission_denied);
    CHECK(e.what() == "the token file " + path + " may be read or written by others than its owner; run: chmod 600 " + path +
                          " (a mounted Secret: defaultMode: 0400)");
  }
  for (const mode_t mode : {0600U, 0400U, 0440U, 0640U}) {  // the group is the process's own
    chmod(path.c_str(), mode);
    CHECK(TokenFile::read(path).size() == 1);
  }
}

TEST_CASE("a group of the process may read the tokens, as in a Secret with fsGroup, and nobody else") {
  CHECK(kept_private(0440, 2000, {1000, 2000}));
  CHECK(kept_private(0600, 3000, {1000}));
  CHECK_FALSE(kept_private(0440, 3000, {1000, 2000}));
  CHECK_FALSE(kept_private(0440, 3000, {}));
  CHECK_FALSE(kept_private(0460, 2000, {2000}));
  CHECK_FALSE(kept_private(0620, 2000, {2000}));
  CHECK_FALSE(kept_private(0444, 2000, {2000}));
  CHECK_FALSE(kept_private(0602, 2000, {2000}));
}

TEST_CASE("the token of an Authorization header") {
  CHECK(bearer_token("Bearer abc") == "abc");
  CHECK(bearer_token("bearer  abc ") == "abc");
  CHECK(bearer_token("Basic abc").empty());
  CHECK(bearer_token("Bearer").empty());
  CHECK(bearer_token("").empty());
}

#include "challenge.hpp"

#include <catch2/catch.hpp>

using namespace registry_oci;

namespace {

std::string shown(const std::string& header) {
  std::string text;
  for (const auto& challenge : read_challenges(header)) {
    text += "[" + challenge.scheme;
    for (const auto& parameter : challenge.parameters) text += " " + parameter.first + "=" + parameter.second;
    text += "]";
  }
  return text;
}

}  // namespace

TEST_CASE("challenges as registries send them") {
  CHECK(shown(R"(Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push")") ==
        "[bearer realm=https://auth.example/token scope=repository:a/b:pull,push service=registry.example]");
  CHECK(shown("Basic realm=plain") == "[basic realm=plain]");
  CHECK(shown(R"(BASIC Realm="a \"quoted\" \\ realm")") == R"([basic realm=a "quoted" \ realm])");
  CHECK(shown(R"(Bearer realm="r", Basic realm="b")") == "[bearer realm=r][basic realm=b]");
  CHECK(shown("Negotiate, Basic realm=x") == "[negotiate][basic realm=x]");
  CHECK(shown("Bearer realm = \"r\" , service = s") == "[bearer realm=r service=s]");
}

TEST_CASE("challenges that make no sense") {
  CHECK(shown("").empty());
  CHECK(shown(",,, ,").empty());
  CHECK(shown("realm=\"x\"").empty());
  CHECK(shown("Bearer realm=\"never closed") == "[bearer realm=never closed]");
  CHECK(shown("Bearer realm=\"ends in \\") == "[bearer realm=ends in \\]");
  CHECK(shown("Bearer =x \"y\" realm=z") == "[y realm=z]");
}

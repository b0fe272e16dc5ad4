#include <catch2/catch.hpp>

#include "operon/yaml/yaml.hpp"

namespace operon::yaml {
namespace {

using nlohmann::json;

TEST_CASE("what is written is read back the same") {
  json value = json::parse(
      R"({"a":"true","b":"12","c":"1.5","d":"","e":"null","f":"~","g":"- x","h":"a: b","i":"# c","j":"two\nlines\n","k":" lead","l":"trail ","m":true,"n":null,
    "o":[1,-2,2.5,[],{},[{"x":"y"}]],"p":{"q":{}},"r":"0o17","s":"0xff","t":"yes","u":"<<","v":"\t","w":"é€😀","x":"\"q\"","y":"'s'","z":"*a","0":"&a","1":"!t","2":"%d","3":"@","4":"[","5":"{}","6":".inf","7":"ends\r","8":"a\u0085b\u2028c","9":"x #y","10":"-","11":"? k"})");
  CHECK(load(emit(value), "f").value == value);
  for (const json& scalar : {json(""), json("a"), json(nullptr), json(1), json("1"), json(json::array()), json(json::object())})
    CHECK(load(emit(scalar), "f").value == scalar);
}

TEST_CASE("the form is plain block YAML") {
  CHECK(emit(json::parse(R"({"name":"hello","count":5,"old":"yes","list":["a","b"],"none":[]})")) ==
        "count: 5\nlist:\n  - a\n  - b\nname: hello\nnone: []\nold: \"yes\"\n");
}

}  // namespace
}  // namespace operon::yaml

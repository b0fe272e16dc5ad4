#include "operon/fields/validate.hpp"

#include <catch2/catch.hpp>
#include <chrono>

#include "tests/unit/fields/refusal.hpp"

namespace operon::fields {
namespace {

using Value = std::optional<std::string>;

Field field(Type type) {
  Field f;
  f.name = "the-field";
  f.variable = "V";
  f.type = type;
  return f;
}

std::string refused(const Field& f, const Value& value) {
  return refusal([&] { validate_value(f, value); }, true);
}

TEST_CASE("step 1: what is required must be there") {
  for (Type type : {Type::string, Type::number, Type::boolean, Type::file_base64}) {
    Field f = field(type);
    CHECK(validate_value(f, std::nullopt) == std::nullopt);
    f.required = true;
    CHECK(refused(f, std::nullopt) == "[V] field 'the-field' (V): `required`: a value must be given");
    CHECK((refused(f, "") == "accepted") == (type == Type::string));  // "" is a text, and nothing else
    f.default_value = "";
    CHECK((refused(f, std::nullopt) == "accepted") == (type == Type::string));
  }
}

TEST_CASE("step 2: the default stands in, and must itself be valid") {
  Field number = field(Type::number);
  number.default_value = "5";
  CHECK(validate_value(number, std::nullopt) == Value("5"));
  CHECK(validate_value(number, "") == Value("5"));
  CHECK(validate_value(number, "7") == Value("7"));
  number.default_value = "five";
  CHECK(refused(number, std::nullopt) ==
        "[V] field 'the-field' (V): schema validation error on default value: `value`: 'five' is not a number");
  CHECK(refused(number, "7") == "accepted");
  Field text = field(Type::string);
  text.default_value = "d";
  CHECK(validate_value(text, "") == Value(""));
  CHECK(validate_value(text, std::nullopt) == Value("d"));
}

TEST_CASE("strings match their validator somewhere") {
  Field f = field(Type::string);
  f.validator = "^a+$";
  CHECK(validate_value(f, "aaa") == Value("aaa"));
  CHECK(refused(f, "b") == "[V] field 'the-field' (V): `value`: 'b' does not match `validator`: '^a+$'");
  f.validation_message = "only the letter a";
  CHECK(refused(f, "b") == "[V] field 'the-field' (V): only the letter a");
  f.validator = "b";
  CHECK(refused(f, "abc") == "accepted");
  f.validator = "^$|^.+\\=.*$";
  CHECK(refused(f, "") == "accepted");
  CHECK(refused(f, "x\n") != "accepted");
}

TEST_CASE("a broken or hostile validator is the schema's fault and costs no time") {
  Field f = field(Type::string);
  f.validator = "(a";
  CHECK(refused(f, "x") == "[V] field 'the-field' (V): invalid schema: `validator` '(a' is no regular expression: missing ): (a");
  f.validator = "((((a{1000}){1000}){1000}){1000})";
  CHECK(refused(f, "x").find("invalid schema: `validator`") != std::string::npos);
  f.validator = std::string(5'000, 'a');
  CHECK(refused(f, "x") == "[V] field 'the-field' (V): invalid schema: `validator` is longer than 4096 bytes");
  f.validator = "(x+x+)+y";
  auto begin = std::chrono::steady_clock::now();
  CHECK(refused(f, std::string(100'000, 'x')) != "accepted");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

TEST_CASE("booleans keep the user's spelling") {
  for (const char* word : {"1", "t", "TRUE", "True", "tRuE", "0", "F", "false"})
    CHECK(validate_value(field(Type::boolean), word) == Value(word));
  for (const char* word : {"yes", "on", "2", " true", "true "}) {
    CHECK(refused(field(Type::boolean), word) ==
          std::string("[V] field 'the-field' (V): `value`: '") + word + "' is not a boolean: use true or false");
  }
}

TEST_CASE("enums are exact, split without trimming") {
  Field f = field(Type::enumeration);
  CHECK(refused(f, "a") == "[V] field 'the-field' (V): invalid schema: an enum needs `allowed_values`");
  f.allowed_values = "serial, parallel";
  CHECK(refused(f, "serial") == "accepted");
  CHECK(refused(f, " parallel") == "accepted");
  CHECK(refused(f, "parallel") == "[V] field 'the-field' (V): `value`: 'parallel' is not one of `allowed_values`: 'serial', ' parallel'");
  CHECK(refused(f, "Serial") != "accepted");
  f.separator = "||";
  f.allowed_values = "a,b||c";
  CHECK(refused(f, "a,b") == "accepted");
  CHECK(refused(f, "a") != "accepted");
}

TEST_CASE("base64 content is checked for form and size") {
  Field f = field(Type::file_base64);
  CHECK(validate_value(f, "Zm9v") == Value("Zm9v"));
  CHECK(refused(f, "Zm9") == "[V] field 'the-field' (V): `value`: must be the file's content in standard base64");
  CHECK(refused(f, "/etc/passwd") != "accepted");
  std::string largest(13'981'016, 'A');  // 10,485,762 bytes less 2 by padding
  largest.replace(largest.size() - 2, 2, "==");
  CHECK(refused(f, largest) == "accepted");
  largest.replace(largest.size() - 2, 2, "A=");
  CHECK(refused(f, largest) == "[V] field 'the-field' (V): `value`: the file is larger than 10485760 bytes");
}

TEST_CASE("a file is met by the request's files and no path is taken") {
  Field f = field(Type::file);
  f.mount_path = "/home/krkn/data.json";
  CHECK(validate({f}, {{}, {"/home/krkn/data.json"}}).environment == std::map<std::string, std::string>{{"V", "/home/krkn/data.json"}});
  CHECK(validate({f}, {{}, {}}).environment.empty());
  CHECK(refusal([&] {
          validate({f}, {{{"V", "/etc/shadow"}}, {}});
        }) == "field 'the-field' (V): `value`: paths are not opened here, send the file in `files` with mountPath '/home/krkn/data.json'");
  CHECK(refusal([&] { validate({f}, {{{"V", "/else"}}, {"/home/krkn/data.json"}}); }) != "accepted");
  f.required = true;
  f.default_value = "/etc/hostname";
  CHECK(refusal([&] {
          validate({f}, {{}, {}});
        }) == "field 'the-field' (V): `required`: a file with mountPath '/home/krkn/data.json' must be given");
  f.mount_path.reset();
  CHECK(refusal([&] { validate({f}, {{}, {}}); }) == "field 'the-field' (V): invalid schema: a file needs `mount_path`");
}

TEST_CASE("a secret's value is in no message") {
  for (Type type : {Type::string, Type::number, Type::boolean, Type::enumeration}) {
    Field f = field(type);
    f.secret = true;
    f.validator = "^never$";
    f.allowed_values = "never";
    const std::string text = refused(f, "canary-value");
    CHECK(text != "accepted");
    CHECK(text.find("canary") == std::string::npos);
    CHECK(text.find("'***'") != std::string::npos);
  }
}

TEST_CASE("a value in a message stays on one line and is cut") {
  const std::string text = refused(field(Type::number), "a\nb" + std::string(1'000, 'x'));
  CHECK(text.find('\n') == std::string::npos);
  CHECK(text.size() < 250);
}

TEST_CASE("a whole request: defaults filled in, undeclared ones passed, secrets named") {
  Field count = field(Type::number);
  count.name = "count";
  count.variable = "COUNT";
  count.default_value = "3";
  Field token = field(Type::string);
  token.name = "token";
  token.variable = "TOKEN";
  token.secret = true;
  Field unused = token;
  unused.name = "unused";
  unused.variable = "UNUSED";
  Field group = field(Type::group);
  group.variable.reset();
  auto out = validate({count, token, unused, group}, {{{"TOKEN", "t"}, {"OTHER", "o"}, {"COUNT", ""}}, {}});
  CHECK(out.environment == std::map<std::string, std::string>{{"COUNT", "3"}, {"OTHER", "o"}, {"TOKEN", "t"}});
  CHECK(out.secret_variables == std::vector<std::string>{"TOKEN"});
}

}  // namespace
}  // namespace operon::fields

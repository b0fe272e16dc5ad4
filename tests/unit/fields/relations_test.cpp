#include <catch2/catch.hpp>

#include "operon/fields/validate.hpp"
#include "tests/unit/fields/refusal.hpp"

namespace operon::fields {
namespace {

using Environment = std::map<std::string, std::string>;

Field text(const std::string& name) {
  Field f;
  f.name = name;
  f.variable = name;
  return f;
}

TEST_CASE("a given field needs the fields it names") {
  Field user = text("user"), password = text("password");
  user.requires_ = "password, realm";
  Field realm = text("realm");
  realm.default_value = "main";
  std::vector<Field> fields{user, password, realm};
  CHECK(refusal(
            [&] {
              validate(fields, {{{"user", "u"}}, {}});
            },
            true) == "[user] field 'user': `requires`: field 'password' must be given too");
  CHECK(refusal([&] { validate(fields, {{{"user", "u"}, {"password", "p"}}, {}}); }) == "accepted");  // realm has its default
  CHECK(refusal([&] { validate(fields, {{}, {}}); }) == "accepted");
  CHECK(refusal([&] { validate(fields, {{{"user", ""}}, {}}); }) == "accepted");  // a form sends "" for what was left empty
}

TEST_CASE("fields that exclude each other are not given together, whichever says so") {
  Field name = text("name"), label = text("label");
  label.mutually_excludes = "name";
  for (const auto& fields : {std::vector{name, label}, std::vector{label, name}}) {
    CHECK(refusal([&] {
            validate(fields, {{{"name", "n"}, {"label", "l"}}, {}});
          }) == "field 'label': `mutually_excludes`: cannot be given together with field 'name'");
    CHECK(refusal([&] { validate(fields, {{{"name", "n"}}, {}}); }) == "accepted");
  }
}

TEST_CASE("the default of an excluded field is left out") {
  Field name = text("name"), label = text("label");
  label.mutually_excludes = "name";
  name.default_value = ".*";
  CHECK(validate({name, label}, {{{"label", "l"}}, {}}).environment == Environment{{"label", "l"}});
  CHECK(validate({name, label}, {{}, {}}).environment == Environment{{"name", ".*"}});
}

TEST_CASE("fields that name each other, or themselves, end") {
  Field a = text("a"), b = text("b");
  a.requires_ = "b,a";
  b.requires_ = "a";
  a.mutually_excludes = "a";
  CHECK(refusal([&] { validate({a, b}, {{{"a", "1"}, {"b", "2"}}, {}}); }) == "accepted");
  CHECK(refusal([&] { validate({a, b}, {{{"a", "1"}}, {}}); }) == "field 'a': `requires`: field 'b' must be given too");
}

}  // namespace
}  // namespace operon::fields

#include <catch2/catch.hpp>

#include "operon/fields/validate.hpp"

namespace operon::fields {
namespace {

using Names = std::vector<std::string>;

Field field(const std::string& name, Type type = Type::string, bool required = false) {
  Field f;
  f.name = name;
  f.variable = name;
  f.type = type;
  f.required = required;
  return f;
}

Names names_of(const std::vector<Field>& fields) {
  Names names;
  for (const auto& f : fields) names.push_back(f.name);
  return names;
}

}  // namespace

TEST_CASE("what a form asks for: required fields that are not given, also those with a default") {
  Field group = field("group", Type::group, true);
  Field with_default = field("mode", Type::number, true);
  with_default.default_value = "3";
  Field file = field("file", Type::file, true);
  file.mount_path = "/data/in";
  const std::vector<Field> fields{group, field("word", Type::string, true), with_default, field("free"), file};
  CHECK(names_of(missing(fields, {{}, {}})) == Names{"word", "mode", "file"});
  CHECK(names_of(missing(fields, {{{"word", ""}, {"mode", ""}}, {}})) == Names{"mode", "file"});  // "" is a text, and no number
  CHECK(names_of(missing(fields, {{{"word", "a"}, {"mode", "1"}}, {"/data/in"}})).empty());
  CHECK_FALSE(has_default(fields[1]));
  CHECK(has_default(fields[2]));
}

TEST_CASE("what a form asks for: what a given field requires and does not get by itself") {
  Field user = field("user"), realm = field("realm");
  user.requires_ = "password, realm";
  realm.default_value = "main";
  const std::vector<Field> fields{user, field("password"), realm};
  CHECK(missing(fields, {{}, {}}).empty());
  CHECK(names_of(missing(fields, {{{"user", "u"}}, {}})) == Names{"password"});
  CHECK(names_of(missing(fields, {{{"user", "u"}, {"password", ""}}, {}})) == Names{"password"});
  CHECK(missing(fields, {{{"user", "u"}, {"password", "p"}}, {}}).empty());
}

TEST_CASE("the words of an enum stand as they were written") {
  Field f = field("mode", Type::enumeration);
  CHECK(allowed_words(f).empty());
  f.allowed_values = "a, b,c";
  CHECK(allowed_words(f) == Names{"a", " b", "c"});
  f.separator = ", ";
  CHECK(allowed_words(f) == Names{"a", "b,c"});
  f.type = Type::string;
  CHECK(allowed_words(f).empty());
}

}  // namespace operon::fields

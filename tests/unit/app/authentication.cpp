#include "core/app/operond/authentication.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "operon/error.hpp"

using namespace operon;

namespace {

struct File {
  File() {
    std::string name = (std::filesystem::temp_directory_path() / "operon-tokens-XXXXXX").string();
    folder = mkdtemp(name.data());
    path = folder / "tokens";
  }
  ~File() { std::filesystem::remove_all(folder); }
  void write(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
  }
  std::filesystem::path folder, path;
};

}  // namespace

TEST_CASE("a caller is who the token says, with the role of the file") {
  File file;
  file.write("aaaaaaaaaaaaaaaa,ann,admin\nbbbbbbbbbbbbbbbb,bob,view\n");
  app::Tokens tokens(file.path);
  REQUIRE(tokens.caller("Bearer aaaaaaaaaaaaaaaa"));
  CHECK(tokens.caller("Bearer aaaaaaaaaaaaaaaa")->name == "ann");
  CHECK(tokens.caller("Bearer aaaaaaaaaaaaaaaa")->role == http::Role::admin);
  CHECK(tokens.caller("bearer bbbbbbbbbbbbbbbb")->role == http::Role::view);
  CHECK_FALSE(tokens.caller("Bearer aaaaaaaaaaaaaaab"));
  CHECK_FALSE(tokens.caller("Basic YTpi"));
  CHECK_FALSE(tokens.caller(""));
}

TEST_CASE("a reload takes the new file, or keeps the old tokens when it is bad") {
  File file;
  file.write("aaaaaaaaaaaaaaaa,ann,admin\n");
  app::Tokens tokens(file.path);
  file.write("cccccccccccccccc,cid,run\n");
  CHECK(tokens.reload() == 1);
  CHECK_FALSE(tokens.caller("Bearer aaaaaaaaaaaaaaaa"));
  CHECK(tokens.caller("Bearer cccccccccccccccc")->role == http::Role::run);
  file.write("broken\n");
  CHECK_THROWS_AS(tokens.reload(), Error);
  CHECK(tokens.caller("Bearer cccccccccccccccc"));
  file.write("dddddddddddddddd,dee,run\n", 0644);
  CHECK_THROWS_AS(tokens.reload(), Error);
  CHECK_FALSE(tokens.caller("Bearer dddddddddddddddd"));
}

TEST_CASE("a role of the file opens the routes of the ones before it; who may start runs may stop them") {
  using http::Admission;
  using http::Role;
  File file;
  file.write("aaaaaaaaaaaaaaaa,ann,admin\nbbbbbbbbbbbbbbbb,bob,run\nvvvvvvvvvvvvvvvv,vic,view\n");
  app::Tokens tokens(file.path);
  const auto may = [&](const std::string& token, Role role) {
    return tokens.known("Bearer " + token, role)->answer == Admission::Answer::allowed;
  };
  CHECK(may("aaaaaaaaaaaaaaaa", Role::admin));
  CHECK(may("bbbbbbbbbbbbbbbb", Role::run));
  CHECK(may("bbbbbbbbbbbbbbbb", Role::stop));
  CHECK(may("bbbbbbbbbbbbbbbb", Role::view));
  CHECK_FALSE(may("bbbbbbbbbbbbbbbb", Role::admin));
  CHECK(may("vvvvvvvvvvvvvvvv", Role::view));
  const auto refused = tokens.known("Bearer vvvvvvvvvvvvvvvv", Role::stop);
  CHECK(refused->answer == Admission::Answer::forbidden);
  CHECK(refused->caller.name == "vic");
  CHECK(refused->message == "this route needs the role 'run', 'vic' has 'view'");
  CHECK(tokens.known("Bearer xxxxxxxxxxxxxxxx", Role::view)->answer == Admission::Answer::unknown);
  CHECK(tokens.known("", Role::view)->answer == Admission::Answer::unknown);
}

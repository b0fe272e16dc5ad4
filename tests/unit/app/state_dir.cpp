#include "core/app/operond/state_dir.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "operon/error.hpp"

using namespace operon;
namespace fs = std::filesystem;

TEST_CASE("one host a folder; the second one is told who has it") {
  std::string name = (fs::temp_directory_path() / "operon-state-XXXXXX").string();
  const fs::path parent = mkdtemp(name.data());
  const auto dir = parent / "a/b";
  {
    app::StateDir first(dir);
    struct stat status {};
    REQUIRE(stat(dir.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0700);
    try {
      app::StateDir second(dir);
      FAIL("two hosts on one folder");
    } catch (const Error& e) {
      CHECK(e.code() == Code::failed_precondition);
      CHECK(e.what() == "state_dir: " + dir.string() + " is in use by another operond (process " + std::to_string(getpid()) +
                            "); stop that one, or give this one a folder of its own with --state-dir");
    }
  }
  app::StateDir again(dir);
  fs::remove_all(parent);
}

TEST_CASE("a folder that cannot be made is named, with what to do") {
  std::string name = (fs::temp_directory_path() / "operon-state-XXXXXX").string();
  const fs::path parent = mkdtemp(name.data());
  std::ofstream(parent / "file") << "x";
  try {
    app::StateDir dir(parent / "file/below");
    FAIL("made below a file");
  } catch (const Error& e) {
    CHECK(e.code() == Code::unavailable);
    CHECK_THAT(e.what(), Catch::Contains((parent / "file").string()) && Catch::EndsWith("name another folder with --state-dir"));
  }
  fs::remove_all(parent);
}

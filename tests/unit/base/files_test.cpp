#include "core/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "operon/error.hpp"
#include "tests/unit/base/temporary_folder.hpp"

namespace operon::base {
namespace {

Code code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.code();
  }
  return Code::ok;
}

TEST_CASE("files are read whole, up to a limit") {
  TemporaryFolder folder;
  auto file = folder.write("a", std::string("x\0y", 3));
  CHECK(read_file(file, 3) == std::string("x\0y", 3));
  CHECK_THROWS_WITH(read_file(file, 2), "cannot read " + file.string() + ": larger than 2 B");
  CHECK(code_of([&] { read_file(file, 2); }) == Code::out_of_range);
  CHECK(code_of([&] { read_file(folder.path() / "none", 9); }) == Code::not_found);
}

TEST_CASE("what is no regular file is refused, and a FIFO without a writer does not hang") {
  TemporaryFolder folder;
  auto fifo = folder.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(code_of([&] { read_file(fifo, 9); }) == Code::permission_denied);
  CHECK(code_of([&] { read_file(folder.path(), 9); }) == Code::permission_denied);
  CHECK(code_of([&] { read_file("/dev/zero", 9); }) == Code::permission_denied);
}

TEST_CASE("a file is replaced whole, with its mode, leaving nothing beside it") {
  TemporaryFolder folder;
  auto file = folder.write("a", "old");
  write_file_atomic(file, "new", 0640);
  CHECK(read_file(file, 100) == "new");
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0640);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a write that fails leaves the old file and no temporary one") {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "taken");
  folder.write("taken/inside", "");
  CHECK(code_of([&] { write_file_atomic(folder.path() / "taken", "x"); }) == Code::unavailable);  // a folder is in the way
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  CHECK(code_of([&] { write_file_atomic(folder.path() / "none" / "a", "x"); }) == Code::unavailable);
}

TEST_CASE("folders are made with their parents") {
  TemporaryFolder folder;
  auto deep = folder.path() / "a" / "b" / "c";
  make_dirs(deep);
  make_dirs(deep);
  CHECK(std::filesystem::is_directory(deep));
  struct stat info {};
  REQUIRE(::stat(deep.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0700);
  auto file = folder.write("file", "");
  CHECK_THROWS_WITH(make_dirs(file / "x"), Catch::Contains("cannot make folder " + file.string()));
}

TEST_CASE("a descriptor closes itself once") {
  int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(raw >= 0);
  {
    Fd first(raw);
    Fd second(std::move(first));
    CHECK(second.get() == raw);
    CHECK_FALSE(first);
    CHECK(::fcntl(raw, F_GETFD) >= 0);
  }
  CHECK(::fcntl(raw, F_GETFD) == -1);
}

}  // namespace
}  // namespace operon::base

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <random>

#include "core/jobs/log_archive.hpp"
#include "fake_runner.hpp"
#include "operon/error.hpp"

using namespace operon;
using namespace operon::jobs;

namespace {

std::shared_ptr<LogSource> file_of(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
  auto fd = std::make_shared<base::Fd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return std::make_shared<FileSource>(fd, path.string());
}

std::string all_of(const LogSource& source) {
  std::string bytes(source.size(), '\0');
  bytes.resize(source.read_at(0, bytes.data(), bytes.size()));
  return bytes;
}

}  // namespace

TEST_CASE("an archive gives every byte back, from any offset") {
  testing::TemporaryFolder folder;
  std::mt19937 random(7);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{131072}, size_t{131073}, size_t{700001}}) {
    std::string content(size, '\0');
    for (auto& c : content) c = static_cast<char>(random());
    const auto plain = file_of(folder.path / "plain", content);
    const std::string path = (folder.path / ("a" + std::to_string(size) + ".log.zst")).string();
    const uint64_t written = write_archive(*plain, size, path);
    CHECK(written == std::filesystem::file_size(path));
    const auto archive = open_archive(path);
    REQUIRE(archive);
    CHECK(archive->size() == size);
    CHECK(all_of(*archive) == content);
    if (size > 200000) {
      std::string part(5000, '\0');
      CHECK(archive->read_at(129000, part.data(), part.size()) == 5000);
      CHECK(part == content.substr(129000, 5000));
    }
  }
}

TEST_CASE("an archive that is no whole one is an error, not a short log") {
  testing::TemporaryFolder folder;
  const std::string content(300000, 'x');
  const auto plain = file_of(folder.path / "plain", content);
  const std::string path = (folder.path / "a.log.zst").string();
  write_archive(*plain, content.size(), path);
  CHECK(open_archive((folder.path / "none").string()) == nullptr);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  CHECK_THROWS_AS(open_archive(path), Error);
  std::filesystem::resize_file(path, 3);
  CHECK_THROWS_AS(open_archive(path), Error);
}

TEST_CASE("the last lines are found from the back") {
  testing::TemporaryFolder folder;
  const auto tail = [&](const std::string& content, uint64_t lines) {
    const auto source = file_of(folder.path / "plain", content);
    return content.substr(tail_start(*source, content.size(), lines));
  };
  CHECK(tail("a\nb\nc\n", 2) == "b\nc\n");
  CHECK(tail("a\nb\nc", 2) == "b\nc");
  CHECK(tail("a\nb\n", 9) == "a\nb\n");
  CHECK(tail("a\nb\n", 0).empty());
  CHECK(tail("\n\n\n", 1) == "\n");
  const std::string wide(300000, 'w');
  CHECK(tail("first\n" + wide + "\nlast\n", 2) == wide + "\nlast\n");
}

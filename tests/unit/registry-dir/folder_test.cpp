#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "operon/error.hpp"
#include "scenario_folder.hpp"
#include "tests/unit/base/temporary_folder.hpp"

namespace registry_dir {
namespace {

using operon::base::TemporaryFolder;

const std::string good = "title: T\nrun: {argv: [echo]}\n";

struct Watched {
  TemporaryFolder files;
  std::vector<std::string> skipped;
  ScenarioFolder folder{files.path().string(),
                        [this](const std::string& file, const std::string& reason) { skipped.push_back(cut(file) + " | " + cut(reason)); }};

  std::string cut(std::string text) const {
    const std::string path = files.path().string();
    for (size_t at = text.find(path); at != std::string::npos; at = text.find(path)) text.replace(at, path.size(), "F");
    return text;
  }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const auto& entry : folder.list()) all.push_back(entry->name);
    return all;
  }
  /// As a file that nobody has touched for a while.
  void age(const std::string& name) {
    timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, (files.path() / name).c_str(), times, 0) == 0);
  }
  std::string refusal(const std::string& name) {
    try {
      folder.find(name);
    } catch (const operon::Error& e) {
      CHECK(e.code() == operon::Code::not_found);
      return cut(e.what());
    }
    return "found";
  }
};

using Names = std::vector<std::string>;

TEST_CASE("each .yaml file is a scenario, by name") {
  Watched w;
  w.files.write("b.yaml", good);
  w.files.write("a.v1.yaml", good);
  w.files.write("notes.txt", "x");
  w.files.write(".hidden.yaml", "x");
  w.files.write("c.yml", good);
  w.age("b.yaml");
  CHECK(w.names() == Names{"a.v1", "b"});
  auto b = w.folder.find("b");
  CHECK(b->digest == "sha256:e12c57bce6637f97f89a773826b433d9fb2a6b1130c7a8d5e4edb71d30ad04e8");
  CHECK(b->size == static_cast<int64_t>(good.size()));
  CHECK(b->last_modified == "2023-11-14T22:13:20Z");
}

TEST_CASE("changes show at once: new, changed in place, replaced, removed") {
  Watched w;
  w.files.write("a.yaml", good);
  CHECK(w.folder.find("a")->scenario.texts.title == "T");
  w.files.write("a.yaml", "title: U\nrun: {argv: [echo]}\n");  // the same size, within the same tick of the file's clock
  CHECK(w.folder.find("a")->scenario.texts.title == "U");
  w.age("a.yaml");
  CHECK(w.folder.find("a")->scenario.texts.title == "U");
  w.files.write("new", "title: V\nrun: {argv: [echo]}\n");
  std::filesystem::rename(w.files.path() / "new", w.files.path() / "a.yaml");
  CHECK(w.folder.find("a")->scenario.texts.title == "V");
  w.files.write("b.yaml", good);
  CHECK(w.names() == Names{"a", "b"});
  std::filesystem::remove(w.files.path() / "a.yaml");
  CHECK(w.names() == Names{"b"});
  CHECK(w.refusal("a") == "no scenario 'a' in F");
}

TEST_CASE("a malformed file is skipped, told once, and told again when it is malformed otherwise") {
  Watched w;
  w.files.write("bad.yaml", "title: T\n");
  w.files.write("good.yaml", good);
  CHECK(w.names() == Names{"good"});
  CHECK(w.names() == Names{"good"});
  CHECK(w.refusal("bad") == "scenario 'bad' is skipped: F/bad.yaml:1: `run` must be a map that says what to run: {argv: [...]}");
  CHECK(w.skipped == Names{"F/bad.yaml | F/bad.yaml:1: `run` must be a map that says what to run: {argv: [...]}"});
  w.files.write("bad.yaml", "a: [\n");
  w.names();
  CHECK(w.skipped.size() == 2);
  w.files.write("bad.yaml", good);
  CHECK(w.names() == Names{"bad", "good"});
}

TEST_CASE("nothing outside of the folder is read, nothing waits, nothing huge is taken") {
  Watched w;
  TemporaryFolder outside;
  outside.write("secret.yaml", good);
  std::filesystem::create_symlink(outside.path() / "secret.yaml", w.files.path() / "out.yaml");
  std::filesystem::create_symlink("../" + outside.path().filename().string() + "/secret.yaml", w.files.path() / "up.yaml");
  std::filesystem::create_symlink("loop.yaml", w.files.path() / "loop.yaml");
  std::filesystem::create_symlink("none", w.files.path() / "dangling.yaml");
  std::filesystem::create_directory(w.files.path() / "folder.yaml");
  REQUIRE(::mkfifo((w.files.path() / "fifo.yaml").c_str(), 0600) == 0);
  w.files.write("huge.yaml", std::string(300'000, '#'));
  w.files.write("sp ace.yaml", good);
  // As a mounted ConfigMap does it.
  std::filesystem::create_directory(w.files.path() / "..data");
  w.files.write("..data/in.yaml", good);
  std::filesystem::create_symlink("..data/in.yaml", w.files.path() / "in.yaml");
  CHECK(w.names() == Names{"in"});
  CHECK(w.refusal("out") == "scenario 'out' is skipped: F/out.yaml: a symbolic link that leads out of the folder");
  CHECK(w.refusal("up") == "scenario 'up' is skipped: F/up.yaml: a symbolic link that leads out of the folder");
  CHECK(w.refusal("fifo") == "scenario 'fifo' is skipped: F/fifo.yaml: not a regular file");
  CHECK(w.refusal("folder") == "scenario 'folder' is skipped: F/folder.yaml: not a regular file");
  CHECK(w.refusal("huge") == "scenario 'huge' is skipped: F/huge.yaml: larger than 262144 bytes");
  CHECK(w.refusal("loop") != "found");
  CHECK(w.refusal("dangling") != "found");
  for (const char* name : {"../secret", "", "/etc/passwd", "..", "a/b"}) CHECK(w.refusal(name) == "no scenario of that name in F");
}

TEST_CASE("a folder that is not there says so") {
  ScenarioFolder folder("/none/at/all", [](const auto&, const auto&) {});
  CHECK_THROWS_WITH(folder.list(),
                    "the scenario folder /none/at/all cannot be opened: No such file or directory; set `path` to a readable folder");
}

}  // namespace
}  // namespace registry_dir

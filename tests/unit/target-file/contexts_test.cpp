#include "contexts.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/base/temporary_folder.hpp"

namespace target_file {
namespace {

std::string config(const std::string& name, const std::string& server) {
  return "clusters: [{name: " + name + ", cluster: {server: " + server + "}}]\ncontexts: [{name: " + name + ", context: {cluster: " + name +
         "}}]\n";
}

struct Watched {
  operon::base::TemporaryFolder files;
  std::vector<std::string> skipped;
  Contexts contexts{{files.path() / "a", files.path() / "b"},
                    [this](const std::string& file, const std::string&) { skipped.push_back(std::filesystem::path(file).filename()); }};

  std::vector<std::string> servers() {
    std::vector<std::string> all;
    for (const auto& context : contexts.merged().contexts()) all.push_back(context.name + " " + context.server);
    return all;
  }
};

using Texts = std::vector<std::string>;

TEST_CASE("files are merged, and looked at again") {
  Watched w;
  w.files.write("a", config("x", "https://1"));
  w.files.write("b", config("x", "https://2") + "");
  CHECK(w.servers() == Texts{"x https://1"});
  w.files.write("a", config("y", "https://3"));  // the same size, within the same tick of the file's clock
  CHECK(w.servers() == Texts{"y https://3", "x https://2"});
  std::filesystem::remove(w.files.path() / "a");
  CHECK(w.servers() == Texts{"x https://2"});
}

TEST_CASE("a broken file is told once and the others go on serving") {
  Watched w;
  w.files.write("a", "clusters: [");
  w.files.write("b", config("x", "https://2"));
  CHECK(w.servers() == Texts{"x https://2"});
  CHECK(w.servers() == Texts{"x https://2"});
  CHECK(w.skipped == Texts{"a"});
  w.files.write("a", config("y", "https://1"));
  CHECK(w.servers() == Texts{"y https://1", "x https://2"});
  w.files.write("a", "clusters: [");
  w.servers();
  CHECK(w.skipped == Texts{"a", "a"});
}

}  // namespace
}  // namespace target_file

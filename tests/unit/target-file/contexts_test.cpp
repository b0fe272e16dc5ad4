#include "contexts.hpp"

#include <catch2/catch.hpp>
#include <chrono>

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

TEST_CASE("a kubeconfig is made again when a file has changed, its own or one that it names") {
  Watched w;
  const auto kubeconfig = [&](const std::string& name) {
    const auto found = w.contexts.access(name);
    return found ? found->kubeconfig : "none";
  };
  const auto has = [&](const std::string& name, const std::string& text) { return kubeconfig(name).find(text) != std::string::npos; };
  w.files.write("a", config("x", "https://1"));
  CHECK(has("x", "https://1"));
  CHECK(kubeconfig("y") == "none");
  w.files.write("b",
                "clusters: [{name: y, cluster: {server: https://2, certificate-authority: ca}}]\n"
                "users: [{name: y, user: {tokenFile: token}}]\ncontexts: [{name: y, context: {cluster: y, user: y}}]\n");
  w.files.write("ca", "CA");
  w.files.write("token", "t-1");
  CHECK(has("y", "Q0E="));
  w.files.write("token", "t-2");
  CHECK(has("y", "t-2"));
  w.files.write("a", config("x", "https://3"));
  CHECK(has("x", "https://3"));
  std::filesystem::remove(w.files.path() / "a");
  CHECK(kubeconfig("x") == "none");
}

TEST_CASE("a token file that rotates is read although the kubeconfig that names it stays as it is") {
  operon::base::TemporaryFolder files;
  files.write("a",
              "clusters: [{name: y, cluster: {server: https://2}}]\n"
              "users: [{name: y, user: {tokenFile: token}}]\ncontexts: [{name: y, context: {cluster: y, user: y}}]\n");
  Contexts contexts{{files.path() / "a"}, [](const std::string&, const std::string&) {}, std::chrono::nanoseconds(-1)};
  for (const std::string token : {"t-1", "t-2"}) {
    files.write("token", token);
    CHECK(contexts.access("y")->kubeconfig.find(token) != std::string::npos);
  }
}

}  // namespace
}  // namespace target_file

/// Refusals, word for word: one line that names the file and the reason, and the host goes on.
#include "core/plugin/loader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/plugin/fixture.hpp"

using namespace operon;
using namespace operon::plugin;
using namespace operon::plugin::test;
using nlohmann::json;

namespace {

/// Loads one entry beside a good one; the reason of its refusal with the folder's name as "DIR".
std::string refusal(const Folder& folder, const InstanceSpec& wanted) {
  Folder good;
  good.add("misbehaving", {{"id", "good"}, {"interfaces", {"test.misbehaving/1"}}});
  Instances instances({folder.path()}, {});
  instances.load({wanted});
  InstanceInfo info = instances.info().at(0);
  CHECK(info.state == InstanceState::refused);
  CHECK(instances.find(wanted.name) == nullptr);
  std::string reason = info.reason;
  CHECK(reason.find('\n') == std::string::npos);
  std::string dir = folder.path().string();
  for (size_t at; (at = reason.find(dir)) != std::string::npos;) reason.replace(at, dir.size(), "DIR");
  return reason;
}

std::string refusal_of(const std::string& library, const json& members = {}) {
  Folder folder;
  folder.add(library, members);
  return refusal(folder, spec("one", members.contains("id") ? members["id"].get<std::string>() : "misbehaving"));
}

}  // namespace

TEST_CASE("a good plugin is loaded; the same library serves two instances") {
  Folder folder;
  fs::path file = folder.add("misbehaving");
  Instances instances({folder.path()}, {});
  instances.load({spec("one"), spec("two")});
  for (const InstanceInfo& info : instances.info()) {
    INFO(info.reason);
    CHECK(info.state == InstanceState::ready);
    CHECK(info.version == "1.0.0");
    CHECK(info.library == file.string());
    CHECK(info.interfaces == std::vector<std::string>{"test.misbehaving/1"});
  }
  CHECK(instances.offering("test.misbehaving/1").size() == 2);
  CHECK(instances.offering("test.misbehaving/1")[1]->name() == "two");
  CHECK(instances.offering("operon.job-runner/1").empty());
}

TEST_CASE("an entry that is not what the host can load is refused") {
  CHECK(refusal_of("misbehaving_bad_magic") == "DIR/libmisbehaving.so: its entry has the wrong magic number; it is no operon plugin");
  CHECK(refusal_of("misbehaving_bad_major") ==
        "DIR/libmisbehaving.so: it was built for ABI major 7, this host has 1; rebuild it against this host's headers");
  CHECK(refusal_of("misbehaving_bad_minor") == "DIR/libmisbehaving.so: it needs ABI 1.99, this host has 1.0; update the host");
  CHECK(refusal_of("misbehaving_bad_id") == "DIR/libmisbehaving.so: its entry says it is 'somebody-else', its manifest says 'misbehaving'");
  CHECK(refusal_of("misbehaving_bad_version") == "DIR/libmisbehaving.so: its entry says version '9.9.9', its manifest says '1.0.0'");
  CHECK(refusal_of("misbehaving_null_entry") == "DIR/libmisbehaving.so: operon_entry_v1() returned NULL");
  CHECK(refusal_of("misbehaving_no_create") == "DIR/libmisbehaving.so: its entry has no create()");
  CHECK(refusal_of("not_a_plugin") ==
        "DIR/libmisbehaving.so: does not export operon_entry_v1; it is no operon plugin of this major version");
  CHECK_THAT(refusal_of("unresolved"),
             Catch::StartsWith("DIR/libmisbehaving.so: cannot be loaded: ") && Catch::Contains("undefined symbol: operon_nobody_has_this"));
}

TEST_CASE("what the manifest says of the ABI is enough to refuse, before any code runs") {
  CHECK(refusal_of("misbehaving", {{"abi", {{"major", 2}, {"minMinor", 0}}}}) ==
        "DIR/libmisbehaving.so: its manifest asks for ABI major 2, this host has 1; rebuild it against this host's headers");
  CHECK(refusal_of("misbehaving", {{"abi", {{"major", 1}, {"minMinor", 5}}}}) ==
        "DIR/libmisbehaving.so: its manifest asks for ABI 1.5, this host has 1.0; update the host");
}

TEST_CASE("an instance that create() does not give is refused") {
  CHECK(refusal_of("misbehaving_create_fails") == "DIR/libmisbehaving.so: instance 'one': create() ended with UNAVAILABLE");
  CHECK(refusal_of("misbehaving_create_nothing") == "DIR/libmisbehaving.so: instance 'one': create() gave no instance");
  CHECK(refusal_of("misbehaving_no_quiesce") == "DIR/libmisbehaving.so: create() gave an instance without quiesce()");
  CHECK(refusal_of("throwing_create", throwing_manifest()) == "DIR/libthrowing.so: instance 'one': create() threw through the C interface");
  CHECK(refusal_of("throwing_interface", throwing_manifest()) == "DIR/libthrowing.so: get_interface() threw through the C interface");
  CHECK(refusal_of("throwing_configure", throwing_manifest()) ==
        "DIR/libthrowing.so: instance 'one' refused its configuration (operon.yaml:7): plugin instance 'one', plugin configure: the verb "
        "threw something through "
        "the C interface");
}

TEST_CASE("half an interface is refused") {
  json registry = {{"interfaces", {"operon.scenario-registry/1"}}};
  CHECK(refusal_of("misbehaving_half_interface", registry) ==
        "DIR/libmisbehaving.so: interface 'operon.scenario-registry/1' is only half there: verb 'globals' is missing");
  CHECK(refusal_of("misbehaving_no_function", registry) ==
        "DIR/libmisbehaving.so: interface 'operon.scenario-registry/1': verb 'detail' has no function");
  CHECK(refusal_of("misbehaving_two_of_a_name", registry) ==
        "DIR/libmisbehaving.so: interface 'operon.scenario-registry/1' has two verbs named 'list'");
  CHECK(refusal_of("misbehaving_no_interface") ==
        "DIR/libmisbehaving.so: its manifest lists interface 'test.misbehaving/1', the library does not offer it");
}

TEST_CASE("a library whose bytes are not those of the manifest is refused") {
  Folder folder;
  fs::path file = folder.add("misbehaving");
  std::ofstream(file, std::ios::app) << "x";
  std::string digest = base::sha256_hex(read(library("misbehaving"))).substr(0, 12), actual = base::sha256_hex(read(file)).substr(0, 12);
  CHECK(refusal(folder, spec("one")) == "DIR/libmisbehaving.so: its sha256 is " + actual + "..., its manifest says " + digest +
                                            "...; the file was changed after it was built, install it again");
}

TEST_CASE("files that others can write are refused") {
  Folder folder;
  fs::path file = folder.add("misbehaving");
  SECTION("the library") {
    fs::permissions(file, fs::perms(0757));
    CHECK(refusal(folder, spec("one")) == "DIR/libmisbehaving.so: is world-writable; chmod o-w it");
  }
  SECTION("the manifest") {
    fs::permissions(file.string() + ".manifest.json", fs::perms(0646));
    CHECK(refusal(folder, spec("one")) ==
          "plugin 'misbehaving': no library of that id in DIR; DIR/libmisbehaving.so.manifest.json: is world-writable; chmod o-w it");
  }
  SECTION("the folder") {
    fs::permissions(folder.path(), fs::perms(0777));
    CHECK_THAT(refusal(folder, spec("one")),
               Catch::EndsWith("DIR/libmisbehaving.so.manifest.json: folder DIR is world-writable; chmod o-w it"));
  }
  SECTION("the folder, sticky") {
    ::chmod(folder.path().c_str(), 01777);
    CHECK_THAT(refusal(folder, spec("one")), Catch::EndsWith("folder DIR is world-writable; chmod o-w it"));
  }
  SECTION("the library is a link") {
    fs::rename(file, folder.path() / "elsewhere.so");
    fs::create_symlink(folder.path() / "elsewhere.so", file);
    CHECK(refusal(folder, spec("one")) == "DIR/libmisbehaving.so: is a symbolic link; name the file itself");
  }
  SECTION("the library is a pipe") {
    fs::remove(file);
    ::mkfifo(file.c_str(), 0600);
    CHECK(refusal(folder, spec("one")) == "DIR/libmisbehaving.so: is not a regular file");
  }
  SECTION("the library is gone") {
    fs::remove(file);
    CHECK(refusal(folder, spec("one")) == "DIR/libmisbehaving.so: No such file or directory");
  }
  SECTION("somebody else's") {
    if (::geteuid() == 0) {
      REQUIRE(::chown(file.c_str(), 4242, 4242) == 0);
      CHECK(refusal(folder, spec("one")) == "DIR/libmisbehaving.so: belongs to user 4242; it must belong to root or to this user");
    } else {
      SUCCEED("only root can give a file away");
    }
  }
  SECTION("an open folder further up") {
    fs::path inner = folder.path() / "plugins";
    fs::create_directory(inner);
    fs::permissions(inner, fs::perms(0755));
    fs::rename(file, inner / file.filename());
    fs::rename(file.string() + ".manifest.json", inner / (file.filename().string() + ".manifest.json"));
    fs::permissions(folder.path(), fs::perms(0777));
    CHECK_THROWS_WITH(check_library(read_manifest(inner / file.filename())),
                      Catch::EndsWith("folder " + folder.path().string() + " is world-writable; chmod o-w it"));
    ::chmod(folder.path().c_str(), 01777);  // as /tmp: nobody can replace what is in it
    CHECK_NOTHROW(check_library(read_manifest(inner / file.filename())));
  }
}

TEST_CASE("an unreadable file is named") {
  Folder folder;
  fs::path manifest = folder.add("misbehaving").string() + ".manifest.json";
  write(manifest, "{");
  CHECK_THAT(
      refusal(folder, spec("one")),
      Catch::StartsWith("plugin 'misbehaving': no library of that id in DIR; DIR/libmisbehaving.so.manifest.json: not a manifest: "));
  Folder empty;
  CHECK(refusal(empty, spec("one", "no-such")) == "plugin 'no-such': no library of that id in DIR");
}

TEST_CASE("a library that changes between the check and the load cannot get in") {
  Folder folder;
  fs::path file = folder.add("misbehaving");
  Manifest manifest = read_manifest(file);
  base::Fd checked = check_library(manifest);
  fs::remove(file);
  fs::copy_file(library("throwing"), file);
  CHECK_THROWS_WITH(load_library(manifest), Catch::Contains("the file was changed after it was built"));
}

TEST_CASE("entries of the configuration that cannot be are refused, the others go on") {
  Folder folder;
  folder.add("misbehaving");
  Instances instances({folder.path()}, {});
  InstanceSpec apart = spec("apart");
  apart.isolation = "process";
  instances.load({spec("one"), spec("one"), apart, spec("two")});
  auto info = instances.info();
  REQUIRE(info.size() == 4);
  CHECK(info[0].state == InstanceState::ready);
  CHECK(info[1].state == InstanceState::refused);
  CHECK(info[1].reason == "operon.yaml:7: there is already a plugin instance named 'one'");
  CHECK(info[2].reason == "operon.yaml:7: plugin instance 'apart': isolation 'process' is not available in this host; use inprocess");
  CHECK(info[3].state == InstanceState::ready);
  CHECK(instances.find("one") != nullptr);
}

TEST_CASE("a second library of the same plugin id is refused, the first one serves") {
  Folder first, second;
  fs::path used = first.add("misbehaving"), other = second.add("misbehaving_serial");
  Instances instances({first.path(), second.path()}, {});
  instances.load({spec("one"), spec("two")});
  auto info = instances.info();
  REQUIRE(info.size() == 3);  // told once
  CHECK(info[0].state == InstanceState::ready);
  CHECK(info[0].library == used.string());
  CHECK(info[1].state == InstanceState::refused);
  CHECK(info[1].library == other.string());
  CHECK(info[1].reason == other.string() + ": plugin 'misbehaving' is already provided by " + used.string() + "; remove one of them");
  CHECK(info[2].state == InstanceState::ready);
}

TEST_CASE("a configuration that does not meet the schema never reaches the plugin") {
  Folder folder;
  folder.add("misbehaving");
  CHECK_THAT(refusal(folder, spec("one", "misbehaving", R"({"word":"ABC"})")),
             Catch::Equals("operon.yaml:7: configuration of plugin 'misbehaving': word: does not match the pattern ^[a-z]+$"));
  CHECK_THAT(
      refusal(folder, spec("one", "misbehaving", R"({"reject":1})")),
      Catch::Equals("DIR/libmisbehaving.so: instance 'one' refused its configuration (operon.yaml:7): I do not like this configuration"));
}

TEST_CASE("a plugin that does not come back from configure() is refused") {
  Folder folder;
  folder.add("misbehaving");
  Instances instances({folder.path()}, {.call_timeout_ms = std::chrono::milliseconds(30)});
  instances.load({spec("one", "misbehaving", R"({"hang":1})"), spec("two")});
  CHECK_THAT(instances.info()[0].reason, Catch::EndsWith("no answer within 30 ms"));
  CHECK(instances.info()[1].state == InstanceState::ready);
}

TEST_CASE("required verbs are data, unknown kinds have none") {
  CHECK(required_verbs("operon.job-runner/1").size() == 7);
  CHECK(required_verbs("test.echo/1").empty());
}

#include "operon/scenario_image/answers.hpp"

#include <catch2/catch.hpp>

#include "operon/error.hpp"

using namespace operon::scenario_image;

namespace {

CatalogueEntry entry(Labels labels) {
  CatalogueEntry e;
  e.name = "cpu-hog";
  Image image;
  image.digest = "sha256:1";
  image.labels = std::move(labels);
  e.image = std::make_shared<const Image>(std::move(image));
  return e;
}

}  // namespace

TEST_CASE("a base that makes no sense: the scenario is there, its globals are an error that names the label") {
  const auto one = entry({{"krknctl.title", "CPU Hog"},
                          {"krknctl.input_fields", "[]"},
                          {"krknctl.title.global", "Base"},
                          {"krknctl.input_fields.global", "<html>"}});
  CHECK(scenario_of("r.example/hub", one, false).title == "CPU Hog");
  try {
    scenario_of("r.example/hub", one, true);
    FAIL("accepted");
  } catch (const operon::Error& e) {
    CHECK(e.code() == operon::Code::data_loss);
    CHECK(std::string(e.what()) == "image r.example/hub 'cpu-hog': label krknctl.input_fields.global is not JSON");
  }
}

TEST_CASE("a list tells titles and descriptions, but no long ones") {
  const auto told = summary_of("r.example/hub", entry({{"krknctl.title", "CPU Hog"}, {"krknctl.description", "Eats CPU"}}));
  CHECK(told.reference == "r.example/hub:cpu-hog");
  CHECK(told.digest == "sha256:1");
  CHECK(told.title == "CPU Hog");
  CHECK(told.description == "Eats CPU");
  const auto brief = summary_of("r.example/hub",
                                entry({{"krknctl.title", "CPU Hog"}, {"krknctl.description", std::string(list_text_bytes_max + 1, 'x')}}));
  CHECK(brief.title == "CPU Hog");
  CHECK_FALSE(brief.description);
  CHECK_FALSE(summary_of("r.example/hub", entry({})).title);
}

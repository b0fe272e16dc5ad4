#include "operon/scenario_image/answers.hpp"

#include <catch2/catch.hpp>

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

#include "core/app/operond/quiet.hpp"

#include <catch2/catch.hpp>

using operon::app::Quiet;

TEST_CASE("memory is given back after the start, and after a busy time has ended") {
  Quiet quiet;
  CHECK(quiet.until_next_look() == Quiet::first_look);
  CHECK(quiet.due(0.1));
  CHECK(quiet.until_next_look() == Quiet::next_look);
  CHECK_FALSE(quiet.due(0.2));   // quiet, but nothing was done since
  CHECK_FALSE(quiet.due(5.2));   // busy
  CHECK_FALSE(quiet.due(10.2));  // still
  CHECK(quiet.due(10.25));
  CHECK_FALSE(quiet.due(10.3));  // once is enough
  double cpu = 10.3;
  int released = 0;
  for (int look = 0; look < 20; ++look) released += quiet.due(cpu += 0.06) ? 1 : 0;
  CHECK(released == 2);  // housekeeping adds up, too: 1.2 s
}

#include <catch2/catch.hpp>

#include "core/jobs/start_queue.hpp"

using operon::jobs::StartQueue;

TEST_CASE("a target's limit makes the next run wait, in order") {
  StartQueue queue(2, 100);
  CHECK(queue.try_run("a", "r"));
  CHECK(queue.try_run("a", "r"));
  CHECK_FALSE(queue.try_run("a", "r"));
  queue.wait("1", "a", "r");
  queue.wait("2", "a", "r");
  CHECK(queue.place("2")->position == 2);
  CHECK(queue.place("1")->target_full);
  CHECK_FALSE(queue.next());
  queue.done("a", "r");
  CHECK(queue.next() == "1");
  CHECK(queue.place("2")->position == 1);
  CHECK_FALSE(queue.next());
}

TEST_CASE("targets take turns, however long one line is") {
  StartQueue queue(1, 100);
  for (const char* target : {"a", "b", "c"}) CHECK(queue.try_run(target, "r"));
  for (const char* id : {"a1", "a2", "a3"}) queue.wait(id, "a", "r");
  queue.wait("b1", "b", "r");
  queue.wait("c1", "c", "r");
  for (const char* target : {"a", "b", "c"}) queue.done(target, "r");
  CHECK(queue.next() == "a1");
  CHECK(queue.next() == "b1");
  CHECK(queue.next() == "c1");
  CHECK_FALSE(queue.next());
}

TEST_CASE("a full runner holds back only its own runs") {
  StartQueue queue(10, 1);
  CHECK(queue.try_run("a", "slow"));
  queue.wait("s", "a", "slow");
  queue.wait("q", "a", "quick");
  CHECK(queue.place("s")->runner_full);
  CHECK(queue.next() == "q");
  CHECK_FALSE(queue.next());
}

TEST_CASE("whoever leaves the line lets the others move up") {
  StartQueue queue(1, 10);
  CHECK(queue.try_run("a", "r"));
  for (const char* id : {"1", "2", "3"}) queue.wait(id, "a", "r");
  CHECK(queue.leave("1"));
  CHECK_FALSE(queue.leave("1"));
  CHECK(queue.place("3")->position == 2);
  CHECK(queue.waiting() == 2);
}

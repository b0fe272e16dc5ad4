#include "core/metrics/metrics.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <thread>

#include "operon/error.hpp"

namespace operon::metrics {
namespace {

bool shows(const std::string& line) {
  return ("\n" + expose()).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("the same name and labels give the same counter") {
  Counter first = counter("operon_test_requests_total", "Requests.", {{"route", "a"}});
  Counter again = counter("operon_test_requests_total", "Requests.", {{"route", "a"}});
  Counter other = counter("operon_test_requests_total", "Requests.", {{"route", "b"}});
  first.add();
  again.add(2);
  other.add(5);
  CHECK(first.impl == again.impl);
  CHECK(shows("operon_test_requests_total{route=\"a\"} 3"));
  CHECK(shows("operon_test_requests_total{route=\"b\"} 5"));
  CHECK(shows("# TYPE operon_test_requests_total counter"));
}

TEST_CASE("gauges, histograms and what is derived at the scrape") {
  gauge("operon_test_threads", "Threads.").set(4);
  gauge("operon_test_threads", "Threads.").add(-1);
  CHECK(shows("operon_test_threads 3"));
  Histogram h = histogram("operon_test_duration_seconds", "Duration.", {0.1, 1});
  h.observe(0.05);
  h.observe(0.5);
  histogram("operon_test_duration_seconds", "Duration.", {7}, {{"kind", "x"}}).observe(0.5);  // the first bounds hold
  CHECK(shows("operon_test_duration_seconds_bucket{le=\"0.1\"} 1"));
  CHECK(shows("operon_test_duration_seconds_bucket{le=\"+Inf\"} 2"));
  CHECK(shows("operon_test_duration_seconds_bucket{kind=\"x\",le=\"1\"} 1"));
  on_scrape([] { gauge("operon_test_derived", "Derived.").set(9); });
  CHECK(shows("operon_test_derived 9"));
}

TEST_CASE("past the limit a name's series count as one") {
  for (int i = 0; i < 2'100; ++i) counter("operon_test_many_total", "Many.", {{"i", std::to_string(i)}}).add();
  CHECK(shows("operon_test_many_total{overflow=\"true\"} 100"));
  CHECK(shows("operon_test_many_total{i=\"1999\"} 1"));
  CHECK_FALSE(shows("operon_test_many_total{i=\"2000\"} 1"));
}

TEST_CASE("an illegal name, and a name of another kind, are errors") {
  CHECK_THROWS_AS(counter("operon test", "x"), Error);
  counter("operon_test_kind_total", "x");
  CHECK_THROWS_AS(gauge("operon_test_kind_total", "x"), Error);
}

TEST_CASE("counting from many threads loses nothing") {
  Counter c = counter("operon_test_parallel_total", "Parallel.");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([c] {
      for (int i = 0; i < 10'000; ++i) c.add();
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(shows("operon_test_parallel_total 40000"));
}

}  // namespace
}  // namespace operon::metrics

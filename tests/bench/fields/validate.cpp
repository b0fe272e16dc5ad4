/// bench_validate COUNT: so many values, checked one by one as a form does, of fields of every kind; a tenth of them is wrong.
#include "operon/fields/validate.hpp"

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "operon/error.hpp"
#include "operon/fields/field.hpp"

namespace {

using namespace operon;

/// Fields such as the scenarios of krkn-hub have, and values of each: nine good ones and one that is not.
constexpr const char* fields_json = R"([
  {"name":"selector","type":"string","variable":"NODE_SELECTOR","validator":"^$|^.+\\=.*$"},
  {"name":"duration","type":"number","variable":"TOTAL_CHAOS_DURATION","default":"60"},
  {"name":"execution","type":"enum","variable":"EXECUTION","allowed_values":"serial,parallel","default":"serial"},
  {"name":"force","type":"boolean","variable":"FORCE","default":"false"},
  {"name":"namespace","type":"string","variable":"NAMESPACE","validator":"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$","required":"true"}])";

struct Case {
  size_t field;
  std::string good, bad;
};

}  // namespace

int main(int argc, char** argv) {
  const long count = argc > 1 ? std::stol(argv[1]) : 100'000;
  const auto fields = fields::parse_label_fields(nlohmann::json::parse(fields_json));
  const std::vector<Case> cases{{0, "node-role.kubernetes.io/worker=", "worker"},
                                {1, "1e3", "1,2"},
                                {2, "parallel", "both"},
                                {3, "TRUE", "yes"},
                                {4, "kube-system", "Kube"}};
  long refused = 0, wrong = 0;
  const auto began = std::chrono::steady_clock::now();
  for (long i = 0; i < count; ++i) {
    const Case& one = cases[static_cast<size_t>(i) % cases.size()];
    const bool good = i % 10 != 9 - (i / 10) % 5;
    if (!good) ++wrong;
    try {
      fields::validate_value(fields[one.field], good ? one.good : one.bad);
    } catch (const Error&) {
      ++refused;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("{\"seconds\": %f, \"refused\": %ld, \"wrong\": %ld}\n", took.count(), refused, wrong);
  return 0;
}

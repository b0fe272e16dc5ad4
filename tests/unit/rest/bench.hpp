/// tests/unit/rest/bench.hpp: every route over two instances of each kind, in memory, with the real job table behind them.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/jobs/job_table.hpp"
#include "core/jobs/runners.hpp"
#include "core/rest/services.hpp"
#include "tests/unit/targets/fake_instance.hpp"
#include "tests/unit/targets/temporary_folder.hpp"

namespace operon::test {

/// A job runner in memory: runs are Running until `finish`, `stop` ends them at once. Thread-safe.
class FakeRunner {
 public:
  explicit FakeRunner(FakeInstance&);
  /// The run has ended by itself; tell the table with notify.
  void finish(const std::string& job_id, const std::string& phase, const std::string& message = {});
  void fail_start(Error);
  void say(const std::string& log) { log_ = log; }
  size_t runs() const;

 private:
  nlohmann::json state_of(const std::string& job_id) const;

  mutable std::mutex mutex_;
  std::map<std::string, nlohmann::json> runs_;
  std::optional<Error> start_error_;
  std::string log_ = "one\ntwo\nthree\n";
};

struct Answer {
  int status = 0;
  std::string body;
  http::Response response;  ///< its body moved out
  nlohmann::json json() const { return nlohmann::json::parse(body); }
  std::string error() const { return json().at("error").get<std::string>() + ": " + json().at("message").get<std::string>(); }
};

struct Ask {
  std::string query = {};  ///< "a=1&b=2", as it is (nothing is decoded here)
  std::string body = {};
  std::map<std::string, std::string> headers = {};
  bool websocket = false;
};

/// Registries `near` and `far`, runners `alpha` (dir) and `beta` (anything), providers `left` (a, both, localhost) and `right` (b, both).
class Bench {
 public:
  explicit Bench(rest::Settings = {}, control::FlowSettings = flow_defaults());
  ~Bench();

  static control::FlowSettings flow_defaults();

  Answer ask(const std::string& method, const std::string& path, const Ask& = {});
  /// POST /targets, completed.
  std::string target();
  /// A run's body.
  nlohmann::json run_body(const std::string& target_id) const;
  /// A started run's id.
  std::string run();
  void finish(const std::string& job_id, const std::string& phase, const std::string& message = {});
  /// Waits until the job's status is this one.
  void await(const std::string& job_id, const std::string& status);
  const http::Route& route(const std::string& method, const std::string& path) const;

  TemporaryFolder folder;
  FakeDirectory plugins;
  std::unique_ptr<FakeRunner> alpha, beta;
  http::Router router;
  rest::Services& services();
  jobs::JobTable& table();

 private:
  struct Host;
  std::unique_ptr<Host> host_;
};

/// Everything a stream has to say until it waits or ends.
std::string read_all(http::StreamSource&, bool* ended = nullptr);

}  // namespace operon::test

#include "fake_runner.hpp"

#include <array>
#include <fstream>

#include "operon/error.hpp"
#include "operon/kinds/job_runner_json.hpp"

// Handles of calls are the plugin host's; these calls have none of its kind.
namespace operon::plugin {
void CallHandle::cancel() const noexcept {
  if (impl) (*std::static_pointer_cast<std::function<void(bool)>>(impl))(true);
}
void CallHandle::writable() const noexcept {
  if (impl) (*std::static_pointer_cast<std::function<void(bool)>>(impl))(false);
}
}  // namespace operon::plugin

namespace operon::jobs::testing {

namespace kind = kinds::job_runner;
using nlohmann::json;

namespace {

operon_str str(const char* text) {
  return {text, std::char_traits<char>::length(text)};
}

const std::array<operon_verb, 7>& known_verbs() {
  static const std::array<operon_verb, 7> all = {{{str("start"), nullptr, 0, 0},
                                                  {str("inspect"), nullptr, 0, 0},
                                                  {str("recover"), nullptr, 0, 0},
                                                  {str("stop"), nullptr, 0, 0},
                                                  {str("destroy"), nullptr, 0, 0},
                                                  {str("logs"), nullptr, 0, 0},
                                                  {str("list"), nullptr, 0, 0}}};
  return all;
}

}  // namespace

FakeRunner::FakeRunner(std::string name, std::filesystem::path dir) : name_(std::move(name)), dir_(std::move(dir)) {
  if (dir_.empty()) return;
  std::filesystem::create_directories(dir_);
  for (const auto& file : std::filesystem::directory_iterator(dir_)) {
    if (file.path().extension() == ".new") continue;  // a process that was killed left it half-written
    std::ifstream in(file.path());
    const json text = json::parse(in);
    FakeRun run;
    run.phase = kind::phase_from_string(text["phase"].get<std::string>());
    run.starts = text["starts"];
    run.stops = text["stops"];
    run.log = text["log"];
    run.destroyed = text["destroyed"];
    runs_[file.path().filename().string()] = run;
  }
}

FakeRunner::~FakeRunner() = default;

void FakeRunner::keep(const std::string& id) const {
  if (dir_.empty()) return;
  const FakeRun& run = runs_.at(id);
  const json text = {
      {"phase", kind::to_string(run.phase)}, {"starts", run.starts}, {"stops", run.stops}, {"log", run.log}, {"destroyed", run.destroyed}};
  const auto path = dir_ / id;
  std::ofstream(path.string() + ".new") << text.dump();
  std::filesystem::rename(path.string() + ".new", path);
}

plugin::VerbRef FakeRunner::find(std::string_view, std::string_view verb) const noexcept {
  for (const auto& each : known_verbs()) {
    if (std::string_view(each.name.ptr, each.name.len) == verb) return {&each, 0};
  }
  return {};
}

std::string FakeRunner::state_json(const std::string& id, const FakeRun& run) const {
  kind::RunState state;
  state.job_id = id;
  state.handle = kind::Handle{1, "fake:" + id};
  state.phase = run.phase;
  state.start_unix_ms = 1767323046000;
  if (kind::terminal(run.phase)) state.end_unix_ms = 1767323047000;
  state.exit_code = run.exit_code;
  state.message = run.message;
  return json(state).dump();
}

std::string FakeRunner::answer(const std::string& verb, std::string_view request) {
  const json asked = json::parse(request);
  const std::string id = asked.at("jobId");
  if (before) before(verb, id);
  std::lock_guard lock(mutex_);
  if (verb == "start") {
    FakeRun& run = runs_[id];
    if (run.starts++ > 0) throw Error(Code::internal, "started twice");
    keep(id);
    return state_json(id, run);
  }
  const auto found = runs_.find(id);
  if (found == runs_.end() || found->second.destroyed) throw Error(Code::not_found, "no run '" + id + "'");
  FakeRun& run = found->second;
  if (verb == "destroy") run.destroyed = true;
  if (verb == "stop") {
    ++run.stops;
    if (!kind::terminal(run.phase)) run.phase = Phase::stopped;
    end_logs(id);
  }
  keep(id);
  return state_json(id, run);
}

std::string FakeRunner::call(plugin::VerbRef verb, std::string_view request, const plugin::CallContext&,
                             const std::function<void(uint32_t, std::string_view)>&) {
  return answer(std::string(verb.verb->name.ptr, verb.verb->name.len), request);
}

plugin::CallHandle FakeRunner::start(plugin::VerbRef verb, std::string request, const plugin::CallContext&,
                                     std::shared_ptr<plugin::CallObserver> observer) {
  const std::string name(verb.verb->name.ptr, verb.verb->name.len);
  if (name == "logs") {
    const auto asked = json::parse(request).get<kind::LogsRequest>();
    std::lock_guard lock(mutex_);
    ++log_calls_[asked.job_id];
    last_offset_[asked.job_id] = asked.offset;
    const auto run = runs_.find(asked.job_id);
    if (run == runs_.end()) {
      observer->on_end({Code::not_found, {}, Error(Code::not_found, "no run")});
      return {};
    }
    Reader reader{observer, asked.offset};
    pump(reader, run->second.log);
    if (kind::terminal(run->second.phase)) {
      observer->on_end({Code::ok, "{}", {}});
      return {};
    }
    readers_[asked.job_id].push_back(reader);
    plugin::CallHandle handle;
    handle.impl = std::make_shared<std::function<void(bool)>>([this, id = asked.job_id](bool cancel) {
      if (cancel) {
        std::lock_guard lock(mutex_);
        if (pumping_) {
          cancelled_.insert(id);  // its reader is being walked at this moment
        } else {
          end_logs(id, Code::cancelled);
        }
      } else {
        retry(id);
      }
    });
    return handle;
  }
  const auto finish = [this, name, request, observer] {
    plugin::Outcome outcome;
    try {
      outcome.reply = answer(name, request);
    } catch (const Error& e) {
      outcome = {e.code(), {}, e};
    }
    observer->on_end(std::move(outcome));
  };
  if (stops_answer) {
    finish();
  } else {
    std::lock_guard lock(mutex_);
    held_stops_.push_back(finish);
  }
  return {};
}

void FakeRunner::answer_stops() {
  std::vector<std::function<void()>> held;
  {
    std::lock_guard lock(mutex_);
    stops_answer = true;
    held.swap(held_stops_);
  }
  for (const auto& stop : held) stop();
}

void FakeRunner::pump(Reader& reader, const std::string& log) {
  while (reader.offset < log.size()) {
    const std::string_view piece = std::string_view(log).substr(reader.offset, 64u << 10);
    if (!reader.observer->on_chunk(OPERON_STREAM_STDOUT, piece)) return;
    reader.offset += piece.size();
  }
}

void FakeRunner::set(const std::string& id, Phase phase, std::optional<int> exit_code, std::string message) {
  std::lock_guard lock(mutex_);
  FakeRun& run = runs_[id];
  run.phase = phase;
  run.exit_code = exit_code;
  run.message = std::move(message);
  keep(id);
  if (kind::terminal(phase)) end_logs(id);
}

void FakeRunner::lose(const std::string& id) {
  std::lock_guard lock(mutex_);
  runs_.erase(id);
}

FakeRun FakeRunner::run(const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto found = runs_.find(id);
  return found == runs_.end() ? FakeRun{} : found->second;
}

int FakeRunner::starts() const {
  std::lock_guard lock(mutex_);
  int sum = 0;
  for (const auto& [id, run] : runs_) sum += run.starts;
  return sum;
}

void FakeRunner::write(const std::string& id, std::string_view bytes) {
  std::lock_guard lock(mutex_);
  FakeRun& run = runs_[id];
  run.log.append(bytes);
  keep(id);
  pumping_ = true;
  for (auto& reader : readers_[id]) pump(reader, run.log);
  pumping_ = false;
  if (cancelled_.erase(id) != 0) end_logs(id, Code::cancelled);
}

void FakeRunner::event(const std::string& id, std::string_view text) {
  std::lock_guard lock(mutex_);
  for (auto& reader : readers_[id]) reader.observer->on_chunk(OPERON_STREAM_EVENT, text);
}

void FakeRunner::retry(const std::string& id) {
  std::lock_guard lock(mutex_);
  for (auto& reader : readers_[id]) pump(reader, runs_[id].log);
}

void FakeRunner::end_logs(const std::string& id, Code code) {
  std::vector<Reader> readers;
  {
    std::lock_guard lock(mutex_);
    readers.swap(readers_[id]);
  }
  for (auto& reader : readers) {
    plugin::Outcome outcome;
    outcome.code = code;
    if (code != Code::ok) outcome.error = Error(code, "ended");
    reader.observer->on_end(std::move(outcome));
  }
}

int FakeRunner::log_calls(const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto found = log_calls_.find(id);
  return found == log_calls_.end() ? 0 : found->second;
}

uint64_t FakeRunner::last_log_offset(const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto found = last_offset_.find(id);
  return found == last_offset_.end() ? 0 : found->second;
}

}  // namespace operon::jobs::testing

#include "core/jobs/start_queue.hpp"

namespace operon::jobs {

unsigned StartQueue::count(const std::map<std::string, unsigned>& of, const std::string& key) {
  const auto found = of.find(key);
  return found == of.end() ? 0 : found->second;
}

void StartQueue::release(std::map<std::string, unsigned>& of, const std::string& key) {
  const auto found = of.find(key);
  if (found == of.end()) return;
  if (--found->second == 0) of.erase(found);
}

bool StartQueue::try_run(const std::string& target, const std::string& runner) {
  if (target_full(target) || runner_full(runner) || lines_.count(target) != 0) return false;
  adopt(target, runner);
  return true;
}

void StartQueue::wait(const std::string& id, const std::string& target, const std::string& runner) {
  Line& line = lines_[target];
  line.waiting.emplace(++turn_, Waiting{id, runner});
  line.positions.clear();
  members_[id] = {target, turn_};
}

bool StartQueue::leave(const std::string& id) {
  const auto member = members_.find(id);
  if (member == members_.end()) return false;
  const auto line = lines_.find(member->second.target);
  line->second.waiting.erase(member->second.turn);
  line->second.positions.clear();
  if (line->second.waiting.empty()) lines_.erase(line);
  members_.erase(member);
  return true;
}

void StartQueue::done(const std::string& target, const std::string& runner) {
  release(per_target_, target);
  release(per_runner_, runner);
}

void StartQueue::adopt(const std::string& target, const std::string& runner) {
  ++per_target_[target];
  ++per_runner_[runner];
}

std::optional<std::string> StartQueue::next() {
  if (lines_.empty()) return std::nullopt;
  // One round over the lines, from the one after the last that had its turn.
  auto line = lines_.upper_bound(last_target_);
  for (size_t tried = 0, lines = lines_.size(); tried < lines; ++tried, ++line) {
    if (line == lines_.end()) line = lines_.begin();
    if (target_full(line->first)) continue;
    for (const auto& [turn, waiting] : line->second.waiting) {
      if (runner_full(waiting.runner)) continue;  // a later one of another runner need not wait for it
      const std::string id = waiting.id;
      last_target_ = line->first;
      adopt(last_target_, waiting.runner);
      leave(id);
      return id;
    }
  }
  return std::nullopt;
}

std::optional<QueuePlace> StartQueue::place(const std::string& id) const {
  const auto member = members_.find(id);
  if (member == members_.end()) return std::nullopt;
  const Line& line = lines_.at(member->second.target);
  if (line.positions.empty()) {
    size_t position = 0;
    for (const auto& [turn, waiting] : line.waiting) line.positions[waiting.id] = ++position;
  }
  const auto& waiting = line.waiting.at(member->second.turn);
  return QueuePlace{line.positions.at(id), target_full(member->second.target), runner_full(waiting.runner)};
}

}  // namespace operon::jobs

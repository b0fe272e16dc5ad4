#include "contexts.hpp"

#include <algorithm>
#include <ctime>

#include "operon/error.hpp"

namespace target_file {
namespace {

using operon::kubeconfig::Kubeconfig;

/// File times move in steps of a few milliseconds: two writes within one step cannot be told apart by them.
constexpr int64_t settle_ns = 100'000'000;

int64_t ns_of(const timespec& t) {
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && ns_of(a.st_mtim) == ns_of(b.st_mtim) &&
         ns_of(a.st_ctim) == ns_of(b.st_ctim);
}

}  // namespace

Contexts::Contexts(std::vector<std::filesystem::path> files, std::function<void(const std::string&, const std::string&)> report)
    : report_(std::move(report)) {
  for (auto& path : files) {
    File file;
    file.path = std::move(path);
    files_.push_back(std::move(file));
  }
}

Kubeconfig Contexts::merged() {
  std::lock_guard lock(mutex_);
  Kubeconfig all;
  for (auto& file : files_) {
    refresh(file);
    if (file.config) all.merge(*file.config);
  }
  return all;
}

void Contexts::refresh(File& file) {
  struct stat now {};
  bool there = ::stat(file.path.c_str(), &now) == 0;
  if (there && file.settled && same_file(now, file.info)) return;
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  file.info = now;
  file.settled = there && ns_of(time) - std::max(ns_of(now.st_mtim), ns_of(now.st_ctim)) > settle_ns;
  std::string fault;
  try {
    file.config = Kubeconfig::load(file.path);
  } catch (const operon::Error& e) {
    file.config.reset();
    fault = e.what();
  }
  if (!fault.empty() && fault != file.fault) report_(file.path.string(), fault);
  file.fault = fault;
}

}  // namespace target_file

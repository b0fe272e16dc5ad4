#include "contexts.hpp"

#include <algorithm>
#include <ctime>

#include "operon/error.hpp"

namespace target_file {
namespace {

using operon::kubeconfig::Kubeconfig;

int64_t ns_of(const timespec& t) {
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && ns_of(a.st_mtim) == ns_of(b.st_mtim) &&
         ns_of(a.st_ctim) == ns_of(b.st_ctim);
}

}  // namespace

Contexts::Contexts(std::vector<std::filesystem::path> files, std::function<void(const std::string&, const std::string&)> report,
                   std::chrono::nanoseconds settle)
    : settle_(settle), report_(std::move(report)) {
  for (auto& path : files) {
    File file;
    file.path = std::move(path);
    files_.push_back(std::move(file));
  }
}

Kubeconfig Contexts::merged() {
  std::lock_guard lock(mutex_);
  return merge();
}

Kubeconfig Contexts::merge() {
  Kubeconfig all;
  for (auto& file : files_) {
    if (refresh(file)) made_.clear();
    if (file.config) all.merge(*file.config);
  }
  return all;
}

std::optional<Contexts::Access> Contexts::access(const std::string& name) {
  std::lock_guard lock(mutex_);
  const Kubeconfig all = merge();
  if (const auto made = made_.find(name); made != made_.end()) return made->second;
  for (const auto& context : all.contexts()) {
    if (context.name != name) continue;
    Access access{context.server, all.flatten(name)};
    if (all.self_contained(name)) made_.emplace(name, access);
    return access;
  }
  return std::nullopt;
}

bool Contexts::refresh(File& file) {
  struct stat now {};
  const bool there = ::stat(file.path.c_str(), &now) == 0;
  if (there ? file.settled && same_file(now, file.info) : file.missing) return false;
  file.missing = !there;
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  file.info = now;
  file.settled = there && ns_of(time) - std::max(ns_of(now.st_mtim), ns_of(now.st_ctim)) > settle_.count();
  std::string fault;
  try {
    file.config = Kubeconfig::load(file.path);
  } catch (const operon::Error& e) {
    file.config.reset();
    fault = e.what();
  }
  if (!there) file.config.reset();  // it came and went meanwhile
  if (!fault.empty() && fault != file.fault) report_(file.path.string(), fault);
  file.fault = fault;
  return true;
}

}  // namespace target_file

#include "core/app/operond/readiness.hpp"

#include "core/base/scrubber.hpp"
#include "core/base/text.hpp"

namespace operon::app {

void Readiness::add_one(Named check) {
  std::lock_guard lock(mutex_);
  checks_.push_back(std::move(check));
}

void Readiness::close() {
  std::lock_guard lock(mutex_);
  checks_.clear();
}

void Readiness::set_phase(std::string phase) {
  std::lock_guard lock(mutex_);
  phase_ = std::move(phase);
}

Readiness::Report Readiness::report() const {
  std::lock_guard lock(mutex_);
  Report report;
  report.ready = phase_ == "serving";
  report.checks.emplace_back("serving", report.ready ? "" : "the host is " + phase_);
  for (const auto& [name, check, decides] : checks_) {
    std::string wrong;
    try {
      wrong = check();
    } catch (const std::exception& e) {
      wrong = e.what();
    }
    if (decides && !wrong.empty()) report.ready = false;
    report.checks.emplace_back(name, std::move(wrong));
  }
  return report;
}

std::string text_of(const Readiness::Report& report, const std::string& endpoint) {
  std::string text;
  for (const auto& [name, wrong] : report.checks) {
    text += wrong.empty() ? "[+]" + name + " ok\n" : "[-]" + name + " failed: " + base::printable(base::scrub(wrong), 500) + "\n";
  }
  return text + endpoint + (report.ready ? " check passed\n" : " check failed\n");
}

}  // namespace operon::app

#include "core/app/operond/leading.hpp"

#include <unistd.h>

#include "core/base/ids.hpp"
#include "core/kube/lease.hpp"
#include "core/log/log.hpp"
#include "core/metrics/metrics.hpp"

namespace operon::app {
namespace {

/// A pod's host name is its name; the rest tells a restarted one from the one before it.
std::string identity() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return std::string(name) + "_" + base::uuid_v4().substr(0, 8);
}

metrics::Gauge leading_gauge() {
  return metrics::gauge("operon_leading", "1 while this host is the leader.");
}

class Alone final : public Leading {
 public:
  Alone(const Lead& lead, std::function<void()> follow) : follow_(std::move(follow)) {
    lead([] { return true; });
    leading_gauge().set(1);
  }
  ~Alone() override {
    leading_gauge().set(0);
    follow_();
  }
  std::string leader() const override { return "this host"; }

 private:
  const std::function<void()> follow_;
};

class Elected final : public Leading {
 public:
  Elected(kube::Client& client, Lead lead, std::function<void()> follow)
      : election_(
            client, {.name_space = client.config().name_space, .name = "operon-leader", .identity = identity()},
            [lead = std::move(lead)](kube::LeaderElection::Holds holds) {
              log::info("this host is the leader now");
              leading_gauge().set(1);
              lead(std::move(holds));
            },
            [follow = std::move(follow)] {
              leading_gauge().set(0);
              follow();
              log::info("this host is not the leader any more");
            }) {}
  std::string leader() const override { return election_.holder(); }

 private:
  kube::LeaderElection election_;
};

}  // namespace

std::unique_ptr<Leading> take_part(kube::Client& client, bool election, Lead lead, std::function<void()> follow) {
  if (election) return std::make_unique<Elected>(client, std::move(lead), std::move(follow));
  return std::make_unique<Alone>(lead, std::move(follow));
}

}  // namespace operon::app

#include "core/targets/kubeconfig_check.hpp"

#include <deque>
#include <mutex>
#include <unordered_set>

#include "core/base/ids.hpp"
#include "core/base/text.hpp"
#include "operon/error.hpp"
#include "operon/kubeconfig/kubeconfig.hpp"

namespace operon::targets {
namespace {

constexpr size_t known_max = 256;

/// Digests of kubeconfigs that were found good: every start of a run reads its cluster's, which is the same most of the time.
class Known {
 public:
  bool has(const std::string& digest) const {
    std::lock_guard lock(mutex_);
    return digests_.count(digest) != 0;
  }
  void add(const std::string& digest) {
    std::lock_guard lock(mutex_);
    if (!digests_.insert(digest).second) return;
    order_.push_back(digest);
    if (order_.size() <= known_max) return;
    digests_.erase(order_.front());
    order_.pop_front();
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_set<std::string> digests_;
  std::deque<std::string> order_;
};

}  // namespace

void check_kubeconfig(const std::string& text, const std::string& cluster_name) {
  static Known known;
  const std::string digest = base::sha256_hex(text);
  if (known.has(digest)) return;
  // What a provider's administrator configured may run credential helpers; it must be self-contained, since it leaves this machine.
  const kubeconfig::Trust trust{.exec = true, .files = false, .link_local = true};
  const std::string name = "kubeconfig of cluster '" + base::printable(cluster_name) + "'";
  try {
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) throw Error(Code::failed_precondition, name + " is empty");
    if (kubeconfig::Kubeconfig::parse(text, name, trust).contexts().empty())
      throw Error(Code::failed_precondition, name + " has no context");
  } catch (const Error& e) {
    throw Error(Code::failed_precondition, e.what());
  }
  known.add(digest);
}

}  // namespace operon::targets

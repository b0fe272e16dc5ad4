/// core/app/operond/leading.hpp: which replica does what only one may do.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/kube/client.hpp"

namespace operon::app {

/// Begins to do what only one host may do. `holds` tells, at any moment until `follow`, whether this host is that one still.
using Lead = std::function<void(std::function<bool()> holds)>;

/// While it lives this host is a candidate, and `lead` and `follow` are called in turn on a thread of its own; `follow` before it is gone.
class Leading {
 public:
  virtual ~Leading() = default;
  /// Who leads, for people; empty while nobody does.
  virtual std::string leader() const = 0;
};

/// With `election`, by the Lease `operon-leader` in the client's namespace; without, this host is the only one and leads at once.
std::unique_ptr<Leading> take_part(kube::Client&, bool election, Lead lead, std::function<void()> follow);

}  // namespace operon::app

/// core/kube/api.hpp: what one does with objects of the API: get, list, create, apply, update, patch, delete. Blocking; retried where that
/// is safe.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/kube/answer.hpp"
#include "core/kube/client.hpp"
#include "core/kube/resource.hpp"
#include "core/kube/retry.hpp"

namespace operon::kube {

struct Name {
  std::string name_space;  ///< empty for what is cluster-scoped
  std::string name;
  std::string subresource{};  ///< "status", "scale"
};

/// Cheap to copy; the client must outlive it. Every call blocks, never on the client's thread, and throws Error (core/kube/status.hpp).
class Api {
 public:
  explicit Api(Client& client, std::chrono::milliseconds timeout = std::chrono::seconds(30)) : client_(&client), timeout_(timeout) {}

  nlohmann::json get(const Resource&, const Name&) const;
  /// Page after page, each item once: `item` gets each object. A continue token that expires between pages starts the list over, and
  /// `restart` is called before (forget what you have). Returns the list's resourceVersion.
  std::string list(const Resource&, ListOptions, const std::function<void(nlohmann::json&&)>& item,
                   const std::function<void()>& restart = {}) const;

  /// The object as the server has it. Carries an attempt's id as annotation, so that a create whose answer was lost and which is met again
  /// is known for our own; somebody else's is ALREADY_EXISTS.
  Answer create(const Resource&, const std::string& name_space, nlohmann::json object) const;
  /// Server-side apply; the object needs apiVersion, kind and name.
  Answer apply(const Resource&, const Name&, const nlohmann::json& object, const ApplyOptions& = {}) const;
  /// Replaces; with a resourceVersion in the object it is refused (ABORTED, "Conflict") when somebody else was faster.
  Answer update(const Resource&, const Name&, const nlohmann::json& object) const;
  Answer patch(const Resource&, const Name&, PatchType, const nlohmann::json& patch) const;
  /// False when it was not there. The answer of a delete that takes its time is not waited for.
  bool remove(const Resource&, const Name&, const DeleteOptions& = {}) const;

  /// Reads, lets `change` work on it, updates; again when somebody else was faster, at most `attempts_max` times. `change` returning false
  /// = nothing to write.
  nlohmann::json modify(const Resource&, const Name&, const std::function<bool(nlohmann::json&)>& change, unsigned attempts_max = 8) const;

  Client& client() const { return *client_; }

 private:
  std::string text(Request, Repeat, const std::string& what) const;
  nlohmann::json read(Request, const std::string& what) const;
  Answer write(Request, Repeat, const std::string& what) const;

  Client* client_;
  std::chrono::milliseconds timeout_;
};

}  // namespace operon::kube

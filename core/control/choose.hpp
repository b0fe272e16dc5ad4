/// core/control/choose.hpp: which instance answers: the one that the request names, else the configured default, else the first there is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/plugin/directory.hpp"

namespace operon::control {

/// The configuration's `defaults:`; empty = the first ready instance of that kind.
struct Defaults {
  std::string registry, runner;
};

/// A kind of plugin in the words of messages.
struct Kind {
  const char* interface_id;
  const char* noun;  ///< "job runner"
  const char* key;   ///< "runner": the request's member and the key under defaults:
};

extern const Kind registry_kind;
extern const Kind runner_kind;

/// Throws Error: FAILED_PRECONDITION for a named instance that does not exist or is of another kind (naming the ones there are),
/// UNAVAILABLE for one that is not ready, and when there is none at all (naming what is missing).
std::shared_ptr<plugin::Instance> choose(const plugin::Directory&, const Kind&, const std::string& requested,
                                         const std::string& by_default);

/// "adhoc" in the manifest's attributes: takes a registry that is named in the request itself.
bool takes_adhoc(const plugin::Instance&);
/// A registry for a request that brings its own registry keys. Throws as `choose` does, UNAVAILABLE when no instance declares `adhoc`.
std::shared_ptr<plugin::Instance> choose_adhoc(const plugin::Directory&, const std::string& requested);

/// What kind of scenario reference this is, in the words of a runner's `accepts`: "dir" for "dir://NAME", "image" for the rest.
std::string reference_kind(const std::string& scenario_image);
/// True when the runner's manifest has no `accepts`, or names this kind.
bool accepts(const plugin::Instance& runner, const std::string& kind);
/// Throws Error(failed_precondition) saying which configured runners could take it, or that none can.
void require_accepts(const plugin::Directory&, const plugin::Instance& runner, const std::string& scenario_image);

}  // namespace operon::control

/// operon/sdk.hpp: what most authors need: a class derived from one kind, its verbs, and OPERON_PLUGIN. See operon/sdk/plugin.hpp for the
/// shape, and the plugin template for whole examples. A scenario registry includes operon/sdk/scenario_registry.hpp too, and links
/// operon::fields; a job runner whose runs live in memory includes operon/sdk/memory_runner.hpp.
#pragma once

#include "operon/error.hpp"
#include "operon/members.hpp"
#include "operon/sdk/host.hpp"
#include "operon/sdk/job_runner.hpp"
#include "operon/sdk/kubernetes.hpp"
#include "operon/sdk/plugin.hpp"
#include "operon/sdk/services.hpp"
#include "operon/sdk/target_provider.hpp"

/// operon/sdk.hpp: everything a plugin's author needs. A class derived from one kind, its verbs, and OPERON_PLUGIN: see
/// operon/sdk/plugin.hpp for the shape, and the plugin template for whole examples.
#pragma once

#include "operon/error.hpp"
#include "operon/members.hpp"
#include "operon/sdk/host.hpp"
#include "operon/sdk/job_runner.hpp"
#include "operon/sdk/plugin.hpp"
#include "operon/sdk/services.hpp"
#include "operon/sdk/target_provider.hpp"

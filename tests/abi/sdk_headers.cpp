#include "operon/sdk.hpp"
#include "operon/sdk/scenario_registry.hpp"
#include "operon/testing/host.hpp"

/// subject.hpp: a plugin per test, without a library: the test's class behind its own entry.
#pragma once

#include <catch2/catch.hpp>

#include "operon/sdk.hpp"
#include "operon/testing/host.hpp"

namespace subject {

template <class C>
const operon_entry* entry() {
  return operon::sdk::detail::entry<C>("subject", "1.0.0");
}

/// A host with an instance of C in it.
template <class C>
struct Running : operon::testing::Host {
  Running() : Host(&entry<C>, "subject") {}
};

}  // namespace subject

/// core/base/await.hpp: waits for what tells its result later.
#pragma once

#include <future>
#include <memory>
#include <utility>

namespace operon::base {

/// Calls `begin` with a function that takes the result, and blocks until somebody has called that, once, on whatever thread (this one
/// too). Passes on what `begin` throws; nobody may tell a result then.
template <class Result, class Begin>
Result await(Begin&& begin) {
  // Shared: whoever tells is not done with it yet when the one who waited is gone. And no lock that the woken one would run into.
  const auto told = std::make_shared<std::promise<Result>>();
  auto result = told->get_future();
  std::forward<Begin>(begin)([told](Result r) { told->set_value(std::move(r)); });
  return result.get();
}

}  // namespace operon::base

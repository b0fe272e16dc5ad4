/// data-provider/shared_list.hpp: one list for all who ask for it at nearly the same time.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "operon/error.hpp"

namespace operon::data_provider {

struct SharedListLimits {
  std::chrono::milliseconds age_ms_max{1'000};  ///< of an answer, from when its listing began; 0: everybody's own
  size_t kept_bytes_max = 64u << 10;            ///< longer ones are for those who wait for them, and not kept
};

/// The names of one list of one cluster. Asked by one caller or by a thousand a second, the API server lists once in `age_ms_max`, and
/// nobody gets an answer that is older. Thread-safe.
class SharedList : public std::enable_shared_from_this<SharedList> {
 public:
  using Names = std::vector<std::string>;
  using Clock = std::chrono::steady_clock;
  /// Once: the names, or why there are none. On the thread of whoever brought them.
  using Done = std::function<void(const Error*, const Names&)>;
  using Ended = std::function<void(std::optional<Error>, Names)>;
  using Cancel = std::function<void()>;
  /// Begins a listing that ends by itself at its deadline, and returns how to cancel it. `ended` comes once, maybe before this returns, and
  /// not when this throws.
  using Begin = std::function<Cancel(Clock::time_point deadline, Ended ended)>;

  struct Flight;  ///< a listing on its way

  /// Somebody who asked.
  struct Asked {
    Clock::time_point deadline;
    Done done;
    Begin begin;
    std::weak_ptr<Flight> flight{};  ///< SharedList's own
  };

  explicit SharedList(SharedListLimits limits) : limits_(limits) {}

  /// Done may come before this returns. Throws what `begin` throws; then it does not come. A listing that another caller began and that
  /// ends at that caller's deadline is begun again for those who have more time.
  void ask(const std::shared_ptr<Asked>&);
  /// Done comes with CANCELLED, unless it came already. The listing goes on while others wait for it.
  void cancel(const std::shared_ptr<Asked>&);
  /// Lets go of what is kept.
  void forget();

 private:
  void begin(const std::shared_ptr<Flight>&, const std::shared_ptr<Asked>&);
  void ended(const std::shared_ptr<Flight>&, std::optional<Error>, Names);
  void keep(const Flight&, const Names&);

  const SharedListLimits limits_;
  std::mutex mutex_;  // of what follows, and of flights
  std::shared_ptr<Flight> flight_;
  std::shared_ptr<const Names> kept_;
  Clock::time_point kept_since_;
};

}  // namespace operon::data_provider

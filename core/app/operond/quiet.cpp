#include "core/app/operond/quiet.hpp"

namespace operon::app {

bool Quiet::due(double cpu_seconds) {
  const double since_look = cpu_seconds - at_look_;
  const bool quiet = since_look < quiet_share * std::chrono::duration<double>(next_look).count();
  const bool worth = cpu_seconds - at_release_ >= worth_cpu_seconds;
  const bool now = !looked_ || (quiet && worth);
  looked_ = true;
  at_look_ = cpu_seconds;
  if (now) at_release_ = cpu_seconds;
  return now;
}

}  // namespace operon::app

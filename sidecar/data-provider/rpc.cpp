#include "rpc.hpp"

#include "core/base/text.hpp"

namespace operon::data_provider {
namespace {

constexpr size_t message_bytes_max = 1024;  // it travels in a trailer

}  // namespace

grpc::Status status_of(const Error& error) {
  return {static_cast<grpc::StatusCode>(error.code()), base::printable(error.what(), message_bytes_max)};
}

Rpc::Rpc(EventQueue& queue) : queue_(queue) {
  queue_.rpc_made();
  context_.AsyncNotifyWhenDone(static_cast<Event*>(&done_));
}

void Rpc::on_begun(bool ok) {
  if (!ok) return handled();  // the server was shut down before anybody came; done_ does not happen then
  queue_.call_came();
  renew();
  begin();
}

void Rpc::on_done(bool) {
  if (context_.IsCancelled()) cancel();
  handled();
}

}  // namespace operon::data_provider

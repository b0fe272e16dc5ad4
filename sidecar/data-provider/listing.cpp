#include "listing.hpp"

#include <simdjson.h>

#include <algorithm>

#include "core/kube/status.hpp"
#include "core/log/log.hpp"

namespace operon::data_provider {
namespace {

namespace ondemand = simdjson::ondemand;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

static_assert(kube::Response::body_padding >= simdjson::SIMDJSON_PADDING);

/// Metadata alone: a node's whole object is some 10 KB, most of it images. Servers that cannot do it send the objects.
constexpr const char* metadata_only = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=1,application/json";

Error refusal(const std::string& what, const std::string& why) {
  return Error(Code::unavailable, what + ": " + why + "; is the server an API server?");
}

/// Calls `name` for each item; returns the continue token. Throws Error, simdjson::simdjson_error.
template <class Name>
std::string read_page(const kube::Response& response, const std::string& what, Name&& name) {
  ondemand::parser parser;  // not kept: it holds some multiple of the largest answer it ever saw
  auto document = parser.iterate(response.body.data(), response.body.size(), response.body.capacity());
  std::string token;
  bool items_seen = false;
  for (auto member : document.get_object()) {
    const std::string_view key = member.unescaped_key();
    if (key == "metadata") {
      std::string_view text;
      if (member.value()["continue"].get_string().get(text) == simdjson::SUCCESS) token = text;
    } else if (key == "items") {
      items_seen = true;
      ondemand::value items = member.value();
      if (items.is_null()) continue;
      for (auto item : items.get_array()) {
        std::string_view own, name_space;
        for (auto part : item["metadata"].get_object()) {
          const std::string_view part_key = part.unescaped_key();
          if (part_key == "name") own = part.value().get_string();
          if (part_key == "namespace") name_space = part.value().get_string();
        }
        if (own.empty()) throw refusal(what, "an item of the answer has no name");
        name(own, name_space);
      }
    }
  }
  if (!items_seen) throw refusal(what, "the answer is no list");
  return token;
}

}  // namespace

Listing::Listing(ClusterPool::Client cluster, ListQuery query, ListSink sink, const ListingLimits& limits,
                 steady_clock::time_point deadline)
    : cluster_(std::move(cluster)),
      query_(std::move(query)),
      sink_(std::move(sink)),
      limits_(limits),
      deadline_(deadline),
      what_("list " + query_.resource.plural) {
  auto& limit = query_.options.limit;
  limit = limit == 0 ? limits_.page_names_default : std::min(limit, limits_.page_names_max);
}

void Listing::start() {
  kube::list_request(query_.resource, query_.options);  // throws for what cannot be asked
  ask();
}

void Listing::ask() {
  if (is_cancelled()) return end(Error(Code::cancelled, what_ + ": cancelled"));
  const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - steady_clock::now());
  if (left.count() <= 0) return end(Error(Code::deadline_exceeded, what_ + ": no complete answer in time"));
  kube::Request request = kube::list_request(query_.resource, query_.options);
  request.accept = metadata_only;
  ++attempts_;
  // Some of the time is kept for another attempt: a connection may have died without a word.
  const unsigned shares = limits_.silent_attempts_max - std::min(silent_attempts_, limits_.silent_attempts_max - 1);
  request.timeout = std::max(left / shares, milliseconds(1));
  remember(cluster_->request(std::move(request), [self = shared_from_this()](kube::Result result) { self->answered(std::move(result)); }));
}

/// The id of what can be cancelled now. A cancel() that came in between finds its way here.
void Listing::remember(kube::Client::Id id) {
  std::lock_guard lock(mutex_);
  in_flight_ = std::max(in_flight_, id);  // ids grow; the answer's own next request may be remembered already
  if (cancelled_) cancel_in_flight();
}

void Listing::cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (in_flight_ != 0) cancel_in_flight();
}

/// With the lock held. A request that is cancelled answers; a wait that is cancelled is followed by the end here.
void Listing::cancel_in_flight() {
  cluster_->cancel(in_flight_);
  cluster_->after(milliseconds(0), [self = shared_from_this()] { self->end(Error(Code::cancelled, self->what_ + ": cancelled")); });
}

bool Listing::is_cancelled() {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

bool Listing::again_later(const kube::Result& result) {
  if (attempts_ >= limits_.attempts_max || !kube::worth_retrying(result, kube::Repeat::safe)) return false;
  const auto* response = std::get_if<kube::Response>(&result);
  if (!backoff_) backoff_.emplace(kube::BackoffLimits{milliseconds(100), milliseconds(2'000)});
  const auto wait = backoff_->next(response ? kube::error_of(*response, what_).retry_after_ms() : std::nullopt);
  if (steady_clock::now() + wait >= deadline_) return false;
  const auto* error = std::get_if<Error>(&result);
  if (error != nullptr && error->code() == Code::deadline_exceeded) {
    ++silent_attempts_;
    log::warn("an API server did not answer; it is asked again", {{"error", error->what()}});
  }
  const auto waiting = cluster_->after(wait, [self = shared_from_this()] { self->ask(); });
  if (waiting != 0) remember(waiting);
  return waiting != 0;
}

void Listing::answered(kube::Result result) {
  if (is_cancelled()) return end(Error(Code::cancelled, what_ + ": cancelled"));
  if (again_later(result)) return;
  if (auto* error = std::get_if<Error>(&result)) return end(std::move(*error));
  auto& response = std::get<kube::Response>(result);
  if (response.status / 100 != 2) {
    Error error = kube::error_of(response, what_);
    if (kube::is_expired(error) && query_.whole && !query_.options.continue_token.empty() && !restarted_) {
      // Anew, and in one piece: what was too slow once would be too slow again.
      restarted_ = true;
      query_.options.continue_token.clear();
      query_.options.limit = 0;
      bytes_ = 0;
      attempts_ = 0;
      sink_.restart();
      return ask();
    }
    return end(std::move(error));
  }
  try {
    take_page(response);
  } catch (const Error& e) {
    end(e);
  } catch (const simdjson::simdjson_error& e) {
    end(refusal(what_, std::string("the answer cannot be read: ") + e.what()));
  }
}

void Listing::take_page(kube::Response& response) {
  constexpr size_t overhead_bytes = 8;  // of a name in a message
  std::string token = read_page(response, what_, [this](std::string_view name, std::string_view name_space) {
    bytes_ += name.size() + name_space.size() + overhead_bytes;
    if (bytes_ > limits_.answer_bytes_max) {
      throw Error(Code::resource_exhausted, what_ + ": more names than one answer may hold (answer_bytes_max)");
    }
    sink_.name(name, name_space);
  });
  if (!query_.whole || token.empty()) return end(std::nullopt, std::move(token));
  query_.options.continue_token = std::move(token);
  attempts_ = 0;
  if (backoff_) backoff_->reset();
  ask();
}

void Listing::end(std::optional<Error> error, std::string continue_token) {
  auto done = std::move(sink_.done);
  sink_ = {};
  if (done) done(std::move(error), std::move(continue_token));
}

}  // namespace operon::data_provider

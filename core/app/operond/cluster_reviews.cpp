#include "core/app/operond/cluster_reviews.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/app/operond/reviewed_callers.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/kube/retry.hpp"
#include "core/kube/status.hpp"
#include "core/log/log.hpp"

namespace operon::app {
namespace {

using http::Admission;
using http::Role;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds review_ms_max{5'000};  // both reviews and their repeats
constexpr unsigned attempts_max = 3;
constexpr size_t answer_bytes_max = 256u << 10;
constexpr size_t name_bytes_max = 256;  // of a user, in messages and in the log
constexpr milliseconds probe_ms_max{5'000};
constexpr milliseconds probe_again_ms{5'000};
constexpr milliseconds probe_again_in_trouble_ms{2'000};

struct Review {
  std::string_view resource, group, kind;
};
constexpr Review token_review{"tokenreviews", "authentication.k8s.io", "TokenReview"};
constexpr Review access_review{"subjectaccessreviews", "authorization.k8s.io", "SubjectAccessReview"};
constexpr Review own_review{"selfsubjectaccessreviews", "authorization.k8s.io", "SelfSubjectAccessReview"};
constexpr std::array<Review, 2> needed{token_review, access_review};

const Review& review_named(std::string_view resource) {
  return resource == token_review.resource ? token_review : access_review;
}

const char* verb_of(Role role) {
  switch (role) {
    case Role::anyone:
    case Role::view:
      return "get";
    case Role::stop:
      return "delete";
    case Role::run:
      return "create";
    case Role::admin:
      break;
  }
  return "update";
}

kube::Request request_of(const Review& review, json body, milliseconds timeout) {
  body["apiVersion"] = std::string(review.group) + "/v1";
  body["kind"] = review.kind;
  kube::Request request;
  request.method = "POST";
  request.path = "/apis/" + std::string(review.group) + "/v1/" + std::string(review.resource);
  request.body = body.dump();
  request.timeout = std::max(timeout, milliseconds(1));
  request.response_bytes_max = answer_bytes_max;
  return request;
}

json status_in(const kube::Result& result, std::string_view resource) {
  const std::string what = "create " + std::string(resource);
  if (const auto* error = std::get_if<Error>(&result)) throw Error(*error);
  const auto& response = std::get<kube::Response>(result);
  if (response.status / 100 != 2) throw kube::error_of(response, what);
  const json answer = base::parse_json(response.body);
  const auto status = answer.find("status");
  if (status == answer.end() || !status->is_object()) throw Error(Code::data_loss, what + ": the answer has no status");
  return *status;
}

bool is_true(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

bool share_one(const json& status, const std::vector<std::string>& audiences) {
  const auto got = status.find("audiences");
  if (got == status.end() || !got->is_array()) return false;
  return std::any_of(got->begin(), got->end(), [&](const json& a) {
    return a.is_string() && std::find(audiences.begin(), audiences.end(), a.get_ref<const std::string&>()) != audiences.end();
  });
}

}  // namespace

/// As TokenReview tells it and SubjectAccessReview takes it.
struct ClusterReviews::User {
  std::string name;
  json spec;
};

ClusterReviews::ClusterReviews(kube::Client& client, std::vector<std::string> audiences)
    : client_(client), name_space_(client.config().name_space), audiences_(std::move(audiences)) {}

Admission ClusterReviews::review(const std::string& token, Role role) {
  const auto deadline = steady_clock::now() + review_ms_max;
  const auto user = user_of(token, deadline);
  if (!user) return {};
  const std::string verb = verb_of(role);
  json spec = user->spec;
  spec["resourceAttributes"] = {{"namespace", name_space_}, {"verb", verb}, {"group", "operon.dev"}, {"resource", "runs"}};
  const json status = ask(access_review.resource, {{"spec", std::move(spec)}}, deadline);
  const http::Caller caller{user->name, role};
  if (is_true(status, "allowed") && !is_true(status, "denied")) return {Admission::Answer::allowed, caller};
  return {Admission::Answer::forbidden, caller,
          "user '" + user->name + "' may not " + verb + " runs.operon.dev in namespace '" + name_space_ + "'"};
}

std::optional<ClusterReviews::User> ClusterReviews::user_of(const std::string& token, Time deadline) {
  json spec = {{"token", token}};
  if (!audiences_.empty()) spec["audiences"] = audiences_;
  const json status = ask(token_review.resource, {{"spec", std::move(spec)}}, deadline);
  if (!is_true(status, "authenticated")) return std::nullopt;
  // A server that knows no audiences says nothing of them: the token was meant for itself then, not for us.
  if (!audiences_.empty() && !share_one(status, audiences_)) return std::nullopt;
  const auto found = status.find("user");
  const json user = found != status.end() && found->is_object() ? *found : json::object();
  const auto named = user.find("username");
  const std::string name = named != user.end() && named->is_string() ? named->get<std::string>() : std::string();
  if (name.empty()) throw Error(Code::unavailable, "callers cannot be checked: the cluster knows the token and names no user");
  json about = {{"user", name}};
  for (const char* member : {"uid", "groups", "extra"}) {
    if (user.contains(member)) about[member] = user[member];
  }
  return User{base::printable(name, name_bytes_max), std::move(about)};
}

std::string ClusterReviews::missing_right(std::string_view resource) const {
  return "callers cannot be checked: operond's own account may not create " + std::string(resource) + "." +
         std::string(review_named(resource).group) +
         "; bind it to the ClusterRole system:auth-delegator (kubectl create clusterrolebinding operon-reviews "
         "--clusterrole=system:auth-delegator --serviceaccount=NAMESPACE:NAME)";
}

json ClusterReviews::ask(std::string_view resource, const json& review, Time deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
  auto outcome =
      kube::send(client_, request_of(review_named(resource), review, left), {.repeat = kube::Repeat::safe, .attempts_max = attempts_max});
  std::string words = "callers cannot be checked at present: the cluster's API server gives no answer; operond's log says why";
  try {
    json status = status_in(outcome.result, resource);
    found({});
    return status;
  } catch (const Error& e) {
    if (e.code() == Code::permission_denied) words = missing_right(resource);
    if (e.code() == Code::unauthenticated)
      words = "callers cannot be checked: the cluster's API server does not know operond's own credentials";
    log::error(words, {{"reason", e.what()}});
  }
  found(words);
  throw Error(Code::unavailable, words);
}

void ClusterReviews::watch() {
  probe(0);
}

/// Every account may ask what it may do itself.
void ClusterReviews::probe(size_t which) {
  const Review& right = needed[which];
  const json attributes = {{"verb", "create"}, {"group", right.group}, {"resource", right.resource}};
  const std::weak_ptr<ClusterReviews> weak = weak_from_this();
  kube::send(client_, request_of(own_review, {{"spec", {{"resourceAttributes", attributes}}}}, probe_ms_max),
             {.repeat = kube::Repeat::safe, .attempts_max = attempts_max}, [weak, which](kube::Outcome outcome) {
               const auto self = weak.lock();
               if (!self) return;
               std::string trouble;
               try {
                 if (!is_true(status_in(outcome.result, own_review.resource), "allowed"))
                   trouble = self->missing_right(needed[which].resource);
               } catch (const Error& e) {
                 // A cluster in which nobody may ask this is left to the first caller.
                 if (e.code() != Code::permission_denied) trouble = e.what();
               }
               if (trouble.empty() && which + 1 < needed.size()) return self->probe(which + 1);
               if (!trouble.empty() && trouble != self->trouble()) log::error("rest.auth is kubernetes: " + trouble);
               self->found(trouble);
               self->client_.after(trouble.empty() ? probe_again_ms : probe_again_in_trouble_ms, [weak] {
                 if (const auto again = weak.lock()) again->probe(0);
               });
             });
}

void ClusterReviews::found(std::string trouble) {
  std::lock_guard lock(mutex_);
  trouble_ = std::move(trouble);
}

std::string ClusterReviews::trouble() const {
  std::lock_guard lock(mutex_);
  return trouble_;
}

std::shared_ptr<http::CallerCheck> review_callers(ClusterConnection& cluster, const config::RestSettings& rest, Readiness& readiness) {
  std::shared_ptr<kube::Client> client;
  try {
    client = cluster.client();
  } catch (const Error& e) {
    throw Error(e.code(), std::string("rest.auth is kubernetes, which needs a cluster that checks callers: ") + e.what());
  }
  auto reviews = std::make_shared<ClusterReviews>(*client, rest.token_audiences);
  reviews->watch();
  readiness.add("callers", [reviews] { return reviews->trouble(); });
  return std::make_shared<ReviewedCallers>([reviews](const std::string& token, Role role) { return reviews->review(token, role); },
                                           base::system_clock());
}

}  // namespace operon::app

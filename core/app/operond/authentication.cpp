#include "core/app/operond/authentication.hpp"

#include "core/base/text.hpp"

namespace operon::app {
namespace {

http::Role role_of(config::TokenRole role) {
  switch (role) {
    case config::TokenRole::view:
      return http::Role::view;
    case config::TokenRole::run:
      return http::Role::run;
    case config::TokenRole::admin:
      return http::Role::admin;
  }
  return http::Role::anyone;
}

/// The role of the file that lets one use a route. Whoever may start runs may stop them: there is no role for that alone.
std::string word_of(http::Role role) {
  switch (role) {
    case http::Role::anyone:
      return "anyone";
    case http::Role::view:
      return "view";
    case http::Role::stop:
    case http::Role::run:
      return "run";
    case http::Role::admin:
      break;
  }
  return "admin";
}

}  // namespace

Tokens::Tokens(std::filesystem::path path) : path_(std::move(path)) {
  reload();
}

size_t Tokens::reload() {
  auto fresh = std::make_shared<const config::TokenFile>(config::TokenFile::read(path_));
  const auto count = fresh->size();
  std::lock_guard lock(mutex_);
  file_ = std::move(fresh);
  return count;
}

std::shared_ptr<const config::TokenFile> Tokens::current() const {
  std::lock_guard lock(mutex_);
  return file_;
}

std::optional<http::Caller> Tokens::caller(std::string_view authorization_header) const {
  const auto token = config::bearer_token(authorization_header);
  if (token.empty()) return std::nullopt;
  const auto file = current();
  const auto* entry = file->find(token);
  if (entry == nullptr) return std::nullopt;
  return http::Caller{entry->user, role_of(entry->role)};
}

std::optional<http::Admission> Tokens::known(std::string_view authorization_header, http::Role needed) {
  return review(authorization_header, needed);
}

http::Admission Tokens::review(std::string_view authorization_header, http::Role needed) {
  auto who = caller(authorization_header);
  if (!who) return {};
  if (who->role >= needed) return {http::Admission::Answer::allowed, std::move(*who)};
  std::string why =
      "this route needs the role '" + word_of(needed) + "', '" + base::printable(who->name, 64) + "' has '" + word_of(who->role) + "'";
  return {http::Admission::Answer::forbidden, std::move(*who), std::move(why)};
}

}  // namespace operon::app

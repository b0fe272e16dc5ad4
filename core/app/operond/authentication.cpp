#include "core/app/operond/authentication.hpp"

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

}  // namespace operon::app

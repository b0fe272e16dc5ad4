/// core/app/operond/authentication.hpp: callers told apart by the token file.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "core/config/token_file.hpp"
#include "core/http/caller_check.hpp"

namespace operon::app {

/// The token file in force. Thread-safe.
class Tokens final : public http::CallerCheck {
 public:
  /// Throws as config::TokenFile::read does.
  explicit Tokens(std::filesystem::path);

  /// Reads the file again; on a throw the old tokens stay in force. Returns how many there are.
  size_t reload();
  /// Absent: nobody.
  std::optional<http::Caller> caller(std::string_view authorization_header) const;

  std::optional<http::Admission> known(std::string_view authorization_header, http::Role) override;
  http::Admission review(std::string_view authorization_header, http::Role) override;

 private:
  std::shared_ptr<const config::TokenFile> current() const;

  const std::filesystem::path path_;
  mutable std::mutex mutex_;
  std::shared_ptr<const config::TokenFile> file_;
};

}  // namespace operon::app

/// core/app/operond/authentication.hpp: the caller behind an Authorization header.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "core/config/token_file.hpp"
#include "core/http/message.hpp"

namespace operon::app {

/// The token file in force. Thread-safe.
class Tokens {
 public:
  /// Throws as config::TokenFile::read does.
  explicit Tokens(std::filesystem::path);

  /// Reads the file again; on a throw the old tokens stay in force. Returns how many there are.
  size_t reload();
  /// Absent: nobody.
  std::optional<http::Caller> caller(std::string_view authorization_header) const;

 private:
  std::shared_ptr<const config::TokenFile> current() const;

  const std::filesystem::path path_;
  mutable std::mutex mutex_;
  std::shared_ptr<const config::TokenFile> file_;
};

}  // namespace operon::app

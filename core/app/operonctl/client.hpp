/// core/app/operonctl/client.hpp: the REST calls of operonctl, over libcurl.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/app/operonctl/settings.hpp"

namespace operon::ctl {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Answer {
  long status = 0;
  Headers headers;  ///< names in lower case
  std::string body;
};

/// One keep-alive connection; one thread.
class Client {
 public:
  explicit Client(const Settings&);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Any status is an answer. Throws Error(unavailable) when there is none, saying which address was tried and what to do.
  Answer request(std::string_view method, const std::string& path, const std::string& body = {}, const Headers& headers = {});

  /// The JSON of a 2xx answer, and its headers when they are wanted. Throws Error with the server's own words otherwise.
  nlohmann::json json(std::string_view method, const std::string& path, const nlohmann::json* body = nullptr, const Headers& headers = {},
                      Headers* answer_headers = nullptr);

  /// Hands a long answer over as it arrives; `take` returns false to leave. Throws like json().
  void stream(const std::string& path, const std::function<bool(std::string_view)>& take, const Headers& headers = {});

  const std::string& server() const;

 private:
  struct Impl;
  Impl* impl_;
};

/// One path segment or query value.
std::string escape(std::string_view);

}  // namespace operon::ctl

/// core/kube/handle.hpp: a libcurl handle that is set up for a server once and used for many requests. Private to core/kube.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "core/kube/client.hpp"
#include "core/kube/credentials.hpp"

namespace operon::kube {

/// What every transfer of a client shares.
struct TransferSettings {
  /// Throws Error(invalid_argument) for a server that is no URL, with a tls-server-name.
  TransferSettings(ClusterConfig, ClientLimits);

  const ClusterConfig config;
  const ClientLimits limits;
  /// What a request's path is appended to. With tls-server-name its host is that one, which is checked and sent in the handshake; the
  /// connection goes to the server all the same.
  std::string url;
  std::string connect_to, host_header;  ///< then: CURLOPT_CONNECT_TO's "::HOST:PORT", and what to send as Host; otherwise empty
};

/// Where a server is, taken apart once: libcurl does it for each request otherwise, which is a tenth of what a request costs. Not
/// thread-safe.
class ServerAddress {
 public:
  explicit ServerAddress(const std::string& url);
  ~ServerAddress();
  ServerAddress(const ServerAddress&) = delete;
  ServerAddress& operator=(const ServerAddress&) = delete;
  /// With this path and query ("?..." or empty); stays until it is led elsewhere. Null when libcurl cannot take it apart.
  CURLU* lead_to(const std::string& path, const std::string& query);

 private:
  CURLU* parsed_;
  std::string base_path_;
};

/// Trust, identity, proxy, the name to expect: set once, for all that is sent over it, one after the other. What a request brings is set
/// by whoever sends it, every time; what the last one brought is not looked at any more. Not thread-safe, not movable: libcurl knows its
/// address.
class Handle {
 public:
  /// The settings must outlive it. Throws Error(resource_exhausted) when libcurl has no memory for it.
  Handle(const TransferSettings&, std::shared_ptr<const Identity>);
  ~Handle();
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  CURL* easy() const { return easy_; }
  const std::shared_ptr<const Identity>& identity() const { return identity_; }
  /// Where the next request goes: the path begins with a slash, the query is "?..." or empty.
  void lead_to(const std::string& path, const std::string& query);
  /// libcurl was about to send the last request again by itself, over another connection. It counts these over a handle's whole life:
  /// the sixth fails.
  bool retried() const;
  /// libcurl's words about what failed last; empty without any.
  std::string trouble() const { return error_text_; }

 private:
  const TransferSettings& settings_;
  const std::shared_ptr<const Identity> identity_;
  ServerAddress address_;
  CURL* easy_;
  curl_slist* connect_to_ = nullptr;
  char error_text_[CURL_ERROR_SIZE] = {};
};

}  // namespace operon::kube

/// core/net/transfer.hpp: one request on one libcurl handle, redirect after redirect.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "core/net/client.hpp"

namespace operon::net {

/// Throws Error(invalid_argument) for a method, URL or header that cannot be sent.
void check(const Request&);

/// Belongs to the client's thread once begun. Not movable: libcurl knows its address.
class Transfer {
 public:
  Transfer(Client::Id, Request, Client::Done, const ClientLimits&);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  Client::Id id() const { return id_; }
  CURL* easy() const { return easy_; }
  std::chrono::steady_clock::time_point deadline() const { return deadline_; }
  std::chrono::steady_clock::time_point began() const { return began_; }

  /// Why the (next) hop must not be made: its name is one of a metadata service, which a proxy would look up for us.
  std::optional<Error> refusal() const;
  /// Makes the handle ready for the (next) hop. False when libcurl has no memory for it.
  bool prepare();
  /// libcurl is done with this hop. True: prepare() and go on with the next; else `result` is set.
  bool finish(CURLcode, std::optional<Result>& result);
  void done(Result result) { done_(std::move(result)); }
  Error deadline_error() const;
  std::string where() const;  ///< "GET https://host/path"

 private:
  static size_t on_body(char*, size_t, size_t, void*);
  static size_t on_header(char*, size_t, size_t, void*);
  static curl_socket_t open_elsewhere(void*, curlsocktype, curl_sockaddr*);
  static int ask_elsewhere(void*, char* address, char*, int, int);
  void set_body_and_method();
  void set_headers();
  int status() const;
  bool may_redirect(int status) const;
  bool redirect();
  Error failure(CURLcode) const;
  Error link_local_error() const;

  const Client::Id id_;
  Request request_;
  Client::Done done_;
  const ClientLimits& limits_;
  const std::chrono::steady_clock::time_point began_, deadline_;
  CURL* easy_ = nullptr;
  curl_slist* sent_headers_ = nullptr;
  char error_text_[CURL_ERROR_SIZE] = {};
  Reply reply_;
  size_t header_bytes_ = 0;
  unsigned redirects_ = 0;
  bool refused_link_local_ = false;
  enum class Overflow { none, body, header } overflow_ = Overflow::none;
};

}  // namespace operon::net

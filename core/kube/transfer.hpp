/// core/kube/transfer.hpp: one request or stream on one libcurl handle. Private to core/kube.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/kube/client.hpp"
#include "core/kube/handle.hpp"

namespace operon::kube {

/// Streams that libcurl had something for on a thread that is not the client's: it tells them. Under the lock of the multi handle.
struct Untold {
  std::vector<Client::Id> streams;
};

/// Whose client's thread this is; null on every other thread.
inline thread_local const Untold* thread_of = nullptr;

/// Throws Error(invalid_argument) for a method, path or header that cannot be sent.
void check(const Request&);

/// Belongs to whoever has the lock of the multi handle once begun; what it tells is told on the client's thread alone. Not movable: libcurl
/// knows its address.
class Transfer {
 public:
  Transfer(Client::Id, Request, Client::Done, const TransferSettings&, Untold&);
  Transfer(Client::Id, Request, StreamHandler, const TransferSettings&, Untold&);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  Client::Id id() const { return id_; }
  CURL* easy() const { return handle_->easy(); }  ///< prepared
  bool is_stream() const { return stream_; }
  const std::string& method() const { return request_.method; }
  std::chrono::steady_clock::time_point deadline() const { return deadline_; }
  std::chrono::steady_clock::time_point began() const { return began_; }
  const std::shared_ptr<const Identity>& identity() const { return handle_->identity(); }  ///< prepared

  /// Makes the handle ready for this request, and keeps it until release().
  void prepare(std::unique_ptr<Handle>);
  /// Null when it was not prepared.
  std::unique_ptr<Handle> release() { return std::move(handle_); }
  /// Hands on what came on another thread. False: its reader has no room for it; it is handed on again at resume().
  bool tell();
  /// libcurl is done. False: the server refused the identity for the first time; prepare() with a fresh one and go on.
  bool finish(CURLcode);
  /// Tells how it ended: what finish() found, or this.
  void end();
  void end(const Error&);
  /// There is room again.
  void resume();
  Error deadline_error() const;
  std::string where() const;  ///< "GET /api/v1/pods"
  int status() const { return response_.status; }
  bool failed() const { return error_.has_value(); }
  bool finished() const { return finished_; }  ///< finish() was called, and said true

 private:
  static int on_sending(void*, char*, char*, int, int);
  static size_t on_body(char*, size_t, size_t, void*);
  static size_t on_header(char*, size_t, size_t, void*);
  size_t take(std::string_view);
  bool tell(std::string_view);
  void set_request();
  Error failure(CURLcode) const;

  const Client::Id id_;
  Request request_;
  const bool stream_;
  Client::Done done_;
  StreamHandler handler_;
  const TransferSettings& settings_;
  Untold& untold_;
  std::string late_;  ///< came on another thread
  const std::chrono::steady_clock::time_point began_, deadline_;
  std::unique_ptr<Handle> handle_;
  curl_slist* sent_headers_ = nullptr;
  Response response_;
  std::optional<Error> error_;
  size_t header_bytes_ = 0;
  bool head_told_ = false, refused_once_ = false, too_large_ = false, finished_ = false;
};

}  // namespace operon::kube

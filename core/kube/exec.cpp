#include "core/kube/exec.hpp"

#include <curl/curl.h>
#include <poll.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/base/ids.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/kube/backoff.hpp"
#include "core/kube/handle.hpp"
#include "core/kube/resource.hpp"
#include "core/kube/status.hpp"
#include "core/kube/websocket.hpp"
#include "core/net/curl_library.hpp"

namespace operon::kube {
namespace {

using net::curl_library;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr char status_channel = 3, close_channel = static_cast<char>(255);
constexpr size_t head_bytes_max = 64u << 10, status_bytes_max = 256u << 10, input_piece_bytes = 32u << 10;

/// A connection of our own to the API server, upgraded to WebSocket.
class Session {
 public:
  Session(Client& client, const ExecRequest& request, const std::function<bool()>& stop)
      : what_("exec in " + request.name_space + "/" + request.pod),
        stop_(stop),
        settings_{client.config(), {}},
        handle_(settings_, client.identity()),
        deadline_(steady_clock::now() + request.timeout) {
    const auto path = Resource{"", "v1", "pods"}.path(request.name_space, request.pod, "exec"), query = query_of(request);
    handle_.lead_to(path, query);
    connect();
    upgrade(path + query);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void send_input(const std::string& input) {
    for (size_t at = 0; at < input.size(); at += input_piece_bytes) {
      send_message(Opcode::binary, std::string(1, '\0') + input.substr(at, input_piece_bytes));
    }
    if (v5_) send_message(Opcode::binary, std::string{close_channel, '\0'});
  }

  int run(const ExecSink& sink) {
    while (true) {
      while (auto message = reader_.next()) {
        if (message->opcode == Opcode::ping) send_message(Opcode::pong, message->payload);
        if (message->opcode == Opcode::close) throw lost();
        if (static_cast<uint8_t>(message->opcode) > 2 || message->payload.empty()) continue;
        const char channel = message->payload.front();
        const auto data = std::string_view(message->payload).substr(1);
        if (channel == status_channel) {
          const int code = exit_code_of(data, what_);
          send_message(Opcode::close, std::string{3, static_cast<char>(0xe8)});  // 1000: all is well
          return code;
        }
        if ((channel != 1 && channel != 2) || data.empty()) continue;
        if (!sink(static_cast<ExecStream>(channel), data)) throw Error(Code::cancelled, what_ + ": cancelled");
      }
      reader_.feed(receive());
    }
  }

 private:
  static std::string query_of(const ExecRequest& request) {
    Query query{{"stdout", "true"}, {"stderr", "true"}};
    if (request.with_input) query.emplace_back("stdin", "true");
    if (!request.container.empty()) query.emplace_back("container", request.container);
    for (const auto& word : request.command) query.emplace_back("command", word);
    return query_text(query);
  }

  Error lost() const {
    return Error(Code::unavailable, what_ + ": the connection ended before the command's exit code came").with_reason("Lost");
  }

  void connect() {
    const auto& curl = curl_library();
    const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - steady_clock::now()).count();
    curl.easy_setopt(handle_.easy(), CURLOPT_CONNECT_ONLY, 1L);
    curl.easy_setopt(handle_.easy(), CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl.easy_setopt(handle_.easy(), CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<int64_t>(left, 1)));
    const CURLcode code = curl.easy_perform(handle_.easy());
    if (code != CURLE_OK) {
      const std::string why = handle_.trouble().empty() ? curl.easy_strerror(code) : base::printable(handle_.trouble());
      throw Error(Code::unavailable, what_ + ": " + why).with_reason("NotSent");
    }
    curl.easy_getinfo(handle_.easy(), CURLINFO_ACTIVESOCKET, &socket_);
  }

  void upgrade(const std::string& path) {
    const auto server = net_host();
    const std::string key = base::base64_encode(base::random_hex(8));
    std::string head = "GET " + base_path() + path + " HTTP/1.1\r\nHost: " + server +
                       "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
                       "\r\nSec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\nUser-Agent: operon/" OPERON_VERSION_TEXT "\r\n";
    if (!handle_.identity()->authorization.empty()) head += "Authorization: " + handle_.identity()->authorization + "\r\n";
    send_all(head + "\r\n");
    std::string answer;
    size_t end = 0;
    while ((end = answer.find("\r\n\r\n")) == std::string::npos) {
      if (answer.size() > head_bytes_max) throw Error(Code::data_loss, what_ + ": the answer's header is too large");
      answer += receive();
    }
    const std::string top = answer.substr(0, end);
    int status = 0;
    if (top.size() > 12) std::from_chars(top.data() + 9, top.data() + 12, status);
    if (status != 101) throw error_of({status, {}, rest_of_body(top, answer.substr(end + 4))}, what_);
    v5_ = top.find("v5.channel.k8s.io") != std::string::npos;
    reader_.feed(std::string_view(answer).substr(end + 4));
  }

  /// The words of a refusal; whoever does not say how long they are gets shown without them.
  std::string rest_of_body(const std::string& top, std::string body) {
    std::string lower = top;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const auto at = lower.find("\r\ncontent-length:");
    size_t length = 0;
    if (at != std::string::npos) length = std::strtoul(lower.c_str() + at + 17, nullptr, 10);
    while (body.size() < std::min(length, status_bytes_max)) body += receive();
    return body;
  }

  std::string net_host() const {
    const auto& server = settings_.config.server;
    const auto begin = server.find("://") + 3;
    return server.substr(begin, server.find('/', begin) - begin);
  }
  std::string base_path() const {
    const auto& server = settings_.config.server;
    const auto slash = server.find('/', server.find("://") + 3);
    return slash == std::string::npos ? "" : server.substr(slash);
  }

  void wait(short events) {
    while (true) {
      if (stop_ && stop_()) throw Error(Code::cancelled, what_ + ": cancelled");
      if (steady_clock::now() >= deadline_) throw Error(Code::deadline_exceeded, what_ + ": did not end in time").with_reason("Lost");
      pollfd one{static_cast<int>(socket_), events, 0};
      if (poll(&one, 1, exec_look_ms) > 0) return;
    }
  }

  std::string receive() {
    char buffer[16'384];
    while (true) {
      size_t n = 0;
      const CURLcode code = curl_library().easy_recv(handle_.easy(), buffer, sizeof buffer, &n);
      if (code == CURLE_AGAIN) {
        wait(POLLIN);
        continue;
      }
      if (code != CURLE_OK || n == 0) throw lost();
      return std::string(buffer, n);
    }
  }

  void send_all(std::string_view bytes) {
    while (!bytes.empty()) {
      size_t n = 0;
      const CURLcode code = curl_library().easy_send(handle_.easy(), bytes.data(), bytes.size(), &n);
      if (code == CURLE_AGAIN) {
        wait(POLLOUT);
        continue;
      }
      if (code != CURLE_OK) throw lost();
      bytes.remove_prefix(n);
    }
  }

  void send_message(Opcode opcode, const std::string& payload) {
    send_all(websocket_frame(opcode, payload, static_cast<uint32_t>(random_.next())));
  }

  const std::string what_;
  const std::function<bool()>& stop_;
  const TransferSettings settings_;
  Handle handle_;
  const steady_clock::time_point deadline_;
  curl_socket_t socket_ = CURL_SOCKET_BAD;
  bool v5_ = false;
  WebsocketReader reader_;
  Random random_;
};

}  // namespace

int exit_code_of(std::string_view text, const std::string& what) {
  const json status = base::parse_json(text, {status_bytes_max, 32});
  const auto reason =
      status.is_object() && status.contains("reason") && status["reason"].is_string() ? status["reason"].get<std::string>() : "";
  if (status.is_object() && status.value("status", json()) == "Success") return 0;
  if (reason == "NonZeroExitCode") {
    const json::json_pointer causes("/details/causes");
    if (status.contains(causes) && status[causes].is_array()) {
      for (const auto& cause : status[causes]) {
        if (!cause.is_object() || cause.value("reason", json()) != "ExitCode" || !cause.contains("message") ||
            !cause["message"].is_string())
          continue;
        const auto& number = cause["message"].get_ref<const std::string&>();
        int code = 0;
        if (std::from_chars(number.data(), number.data() + number.size(), code).ec == std::errc()) return code;
      }
    }
  }
  throw error_of_status(text, what);
}

int exec(Client& client, const ExecRequest& request, const ExecSink& sink, const std::function<bool()>& stop) {
  if (request.command.empty()) throw Error(Code::invalid_argument, "command: must name a program").with_field("command");
  Session session(client, request, stop);
  if (request.with_input) session.send_input(request.input);
  return session.run(sink);
}

}  // namespace operon::kube

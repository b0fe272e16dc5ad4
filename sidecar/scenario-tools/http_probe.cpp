#include <curl/curl.h>

#include <memory>

#include "commands.hpp"
#include "options.hpp"
#include "say.hpp"

namespace scenario {
namespace {

constexpr size_t body_bytes_max = 1 << 20;

/// The body is thrown away; a longer one than `body_bytes_max` ends the request.
size_t drop(char*, size_t size, size_t count, void* seen) {
  auto& bytes = *static_cast<size_t*>(seen);
  bytes += size * count;
  return bytes > body_bytes_max ? 0 : size * count;
}

struct Result {
  bool good = false;
  std::string text;
};

Result ask(CURL* curl, const std::string& url, long expected, long timeout_ms) {
  size_t seen = 0;
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "operon-http-probe");
  curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);  // each probe shows the whole way, connection included
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &seen);
  CURLcode code = curl_easy_perform(curl);
  long status = 0;
  curl_off_t microseconds = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &microseconds);
  const std::string took = " in " + std::to_string(microseconds / 1000) + " ms";
  bool answered = code == CURLE_OK || (code == CURLE_WRITE_ERROR && seen > body_bytes_max);
  if (!answered) return {false, std::string(curl_easy_strerror(code)) + took};
  return {status == expected, "status " + std::to_string(status) + took};
}

}  // namespace

int http_probe(const Arguments& arguments) {
  const Options options(arguments, {"url", "expect", "timeout", "count", "interval", "failures"});
  const std::string url = options.text("url");
  const long expected = options.number("expect", 100, 599);
  const long timeout_ms = options.milliseconds("timeout", 3'600);
  const long count = options.number("count", 1, 1'000'000);
  const long interval = options.milliseconds("interval", 3'600);
  const long failures_max = options.number("failures", 0, 1'000'000);
  if (timeout_ms == 0) throw UsageError("--timeout must be more than 0 seconds");  // libcurl takes 0 for no limit
  notice_signals();
  curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), &curl_easy_cleanup);
  if (!curl) throw UsageError("libcurl could not be started");
  long failures = 0;
  for (long i = 1; i <= count; ++i) {
    Result result = ask(curl.get(), url, expected, timeout_ms);
    std::string line = "Probe " + std::to_string(i) + " of " + std::to_string(count) + ": " + result.text;
    if (result.good) {
      say(line);
    } else {
      complain(line + ", expected status " + std::to_string(expected));
      ++failures;
    }
    if (i < count && !wait(interval)) {
      say("Stopped before the end");
      return 143;
    }
  }
  say(std::to_string(count - failures) + " of " + std::to_string(count) + " probes as expected, at most " + std::to_string(failures_max) +
      " may fail");
  return failures <= failures_max ? 0 : 1;
}

}  // namespace scenario

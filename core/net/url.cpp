#include "core/net/url.hpp"

#include <algorithm>
#include <memory>

#include "core/base/text.hpp"
#include "core/net/curl_library.hpp"
#include "operon/error.hpp"

namespace operon::net {
namespace {

struct Free {
  void operator()(CURLU* url) const { curl_library().url_cleanup(url); }
};
using Handle = std::unique_ptr<CURLU, Free>;

std::string part(CURLU* url, CURLUPart what, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_library().url_get(url, what, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_library().free(text);
  return copy;
}

bool set_whole(CURLU* url, const std::string& text) {
  // An embedded NUL would end the text for libcurl and not for whoever checked it.
  return text.find('\0') == std::string::npos && curl_library().url_set(url, CURLUPART_URL, text.c_str(), 0) == CURLUE_OK;
}

bool http_scheme(const std::string& scheme) {
  return scheme == "http" || scheme == "https";
}

}  // namespace

Url parse_url(const std::string& text) {
  Handle handle(curl_library().url());
  if (handle == nullptr || !set_whole(handle.get(), text)) {
    throw Error(Code::invalid_argument, "url: not an absolute URL: \"" + shown(text) + "\"; write https://HOST/PATH");
  }
  Url url;
  url.scheme = part(handle.get(), CURLUPART_SCHEME);
  if (!http_scheme(url.scheme)) {
    throw Error(Code::invalid_argument, "url: the scheme must be http or https, not \"" + base::printable(url.scheme, 20) + "\"");
  }
  url.host = part(handle.get(), CURLUPART_HOST);
  std::transform(url.host.begin(), url.host.end(), url.host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  url.port = part(handle.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  url.path = part(handle.get(), CURLUPART_PATH);
  return url;
}

std::string shown(const std::string& text) {
  Handle handle(curl_library().url());
  if (handle == nullptr || !set_whole(handle.get(), text)) return base::printable(text.substr(0, text.find_first_of("?#@")), 100);
  for (auto secret : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    curl_library().url_set(handle.get(), secret, nullptr, 0);
  }
  return base::printable(part(handle.get(), CURLUPART_URL));
}

std::string resolve(const std::string& base, const std::string& location) {
  Handle handle(curl_library().url());
  if (handle == nullptr || !set_whole(handle.get(), base)) return {};
  curl_library().url_set(handle.get(), CURLUPART_USER, nullptr, 0);
  curl_library().url_set(handle.get(), CURLUPART_PASSWORD, nullptr, 0);
  if (!set_whole(handle.get(), location)) return {};
  curl_library().url_set(handle.get(), CURLUPART_FRAGMENT, nullptr, 0);
  return http_scheme(part(handle.get(), CURLUPART_SCHEME)) ? part(handle.get(), CURLUPART_URL) : std::string();
}

bool same_origin(const Url& a, const Url& b) {
  return a.scheme == b.scheme && a.host == b.host && a.port == b.port;
}

}  // namespace operon::net

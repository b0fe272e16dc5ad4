#include "registry.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "challenge.hpp"
#include "digest.hpp"
#include "operon/base64.hpp"
#include "operon/scenario_image/names.hpp"

namespace registry_oci {

using nlohmann::json;
using operon::Code;
using operon::Error;
using operon::sdk::HttpAnswer;
using operon::sdk::HttpRequest;

namespace {

constexpr std::chrono::seconds token_lasts_default{60}, token_spare{60};
constexpr size_t token_answer_bytes_max = 1u << 20;
constexpr const char* page_size = "500";

bool every(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
  });
}

std::string escaped(std::string_view text) {
  std::string made;
  for (const char c : text) {
    if (every({&c, 1}, "-._~")) {
      made += c;
    } else {
      made += '%';
      made += "0123456789ABCDEF"[static_cast<unsigned char>(c) >> 4];
      made += "0123456789ABCDEF"[static_cast<unsigned char>(c) & 15];
    }
  }
  return made;
}

std::string header_of(const HttpAnswer& answer, const char* name) {
  const auto found = answer.headers.find(name);
  return found == answer.headers.end() ? std::string() : found->second;
}

/// The path of `Link: </v2/...?n=500&last=x>; rel="next"`; empty = this was the last page.
std::string next_page(const HttpAnswer& answer, const std::string& base, const std::string& what) {
  const std::string link = header_of(answer, "link");
  const auto begin = link.find('<'), end = link.find('>');
  if (begin == std::string::npos || end == std::string::npos || end < begin || link.find("next", end) == std::string::npos) return {};
  std::string target = link.substr(begin + 1, end - begin - 1);
  if (target.starts_with(base)) target = target.substr(base.size());
  if (!target.starts_with("/v2/")) throw Error(Code::data_loss, what + ": the next page is elsewhere, where nothing is asked");
  return target;
}

bool is_bearer(const Challenge& challenge) {
  return challenge.scheme == "bearer" && challenge.parameters.count("realm") != 0;
}

std::string token_of(const json& answer) {
  for (const char* member : {"token", "access_token"}) {
    const auto found = answer.find(member);
    if (found != answer.end() && found->is_string() && !found->get<std::string>().empty()) return found->get<std::string>();
  }
  return {};
}

}  // namespace

std::string Address::base() const {
  const bool hub = registry == "docker.io" || registry == "index.docker.io";
  return (plain_http ? "http://" : "https://") + (hub ? "registry-1.docker.io" : registry);
}

void check_address(const Address& address, const AddressKeys& keys) {
  const auto wrong = [](const char* field, const std::string& what) {
    throw Error(Code::invalid_argument, std::string(field) + ": " + what).with_field(field);
  };
  if (address.registry.empty() || address.registry.size() > 255 || !every(address.registry, ".-:[]"))
    wrong(keys.registry, "must be a host or host:port, without a scheme or path");
  const auto& repository = address.repository;
  if (repository.empty() || repository.size() > 255 || !every(repository, "._-/") || repository.front() == '/' ||
      repository.back() == '/' || repository.find("//") != std::string::npos || repository.find("..") != std::string::npos)
    wrong(keys.repository, "must be a path such as krkn-chaos/krkn-hub");
}

std::optional<std::string> TokenCache::get(const std::string& key) const {
  std::lock_guard lock(mutex_);
  const auto found = kept_.find(key);
  if (found == kept_.end() || std::chrono::steady_clock::now() >= found->second.until) return std::nullopt;
  return found->second.token;
}

void TokenCache::put(const std::string& key, const std::string& token, std::chrono::seconds lasts) {
  const auto now = std::chrono::steady_clock::now();
  std::lock_guard lock(mutex_);
  std::erase_if(kept_, [&](const auto& entry) { return now >= entry.second.until; });
  if (lasts <= token_spare || kept_.size() >= tokens_max) return;
  kept_[key] = {token, now + lasts - token_spare};
}

void TokenCache::drop(const std::string& key) {
  std::lock_guard lock(mutex_);
  kept_.erase(key);
}

Registry::Registry(std::shared_ptr<Transport> transport, Address address, Credentials credentials, std::shared_ptr<TokenCache> tokens,
                   std::string architecture, RegistryLimits limits)
    : transport_(std::move(transport)),
      address_(std::move(address)),
      credentials_(std::move(credentials)),
      tokens_(std::move(tokens)),
      architecture_(std::move(architecture)),
      limits_(limits) {
  if (!credentials_.token.empty()) {
    authorization_ = "Bearer " + credentials_.token;
  } else if (may_be_basic()) {
    authorization_ = basic();
  }
}

std::string Registry::basic() const {
  return "Basic " + operon::base64_encode(credentials_.username + ":" + credentials_.password);
}

std::string Registry::where(const std::string& path) const {
  return "registry " + address_.registry + ": " + path.substr(0, path.find('?'));
}

HttpAnswer Registry::ask_once(const Wanted& wanted, const std::string& authorization, const Patience& patience) {
  HttpRequest request;
  request.method = wanted.method;
  request.url = address_.base() + wanted.path;
  if (!wanted.accept.empty()) request.headers["Accept"] = wanted.accept;
  if (!authorization.empty()) request.headers["Authorization"] = authorization;
  request.timeout = limits_.request_ms_max;
  request.body_bytes_max = wanted.bytes_max;
  request.ca_bundle = address_.ca_bundle;
  request.skip_tls = address_.skip_tls;
  try {
    return transport_->send(std::move(request), patience);
  } catch (const Error& e) {
    throw Error(e.code(), where(wanted.path) + ": " + e.what()).with_reason(e.reason());
  }
}

HttpAnswer Registry::ask(const Wanted& wanted, const Patience& patience) {
  std::string authorization;
  {
    std::lock_guard lock(mutex_);
    authorization = authorization_;
  }
  HttpAnswer answer = ask_once(wanted, authorization, patience);
  if (answer.status == 401 &&
      answer.url.starts_with(address_.base() + "/")) {  // not where a redirect led: it gets no login, nor says where to take one
    const std::string other = authorization_for(header_of(answer, "www-authenticate"), authorization, patience);
    if (!other.empty() && other != authorization) {
      answer = ask_once(wanted, other, patience);
      std::lock_guard lock(mutex_);
      if (answer.status / 100 == 2) authorization_ = other;
    }
  }
  if (answer.status != 200) refuse(wanted, answer);
  return answer;
}

void Registry::refuse(const Wanted& wanted, const HttpAnswer& answer) const {
  const bool known = credentials_.known();
  switch (answer.status) {
    case 401:
      throw Error(
          Code::unauthenticated,
          where(wanted.path) + ": " + (known ? "the registry does not take these credentials (401)" : "the registry wants a login (401)"));
    case 403:
      throw Error(Code::permission_denied, where(wanted.path) + ": these credentials may not read it (403)");
    case 404:
      throw Error(Code::not_found, where(wanted.path) + ": not there (404)");
    default:
      throw Error(Code::unavailable, where(wanted.path) + ": the registry answered " + std::to_string(answer.status));
  }
}

/// What a 401 asks for: empty when there is nothing to offer.
std::string Registry::authorization_for(const std::string& header, const std::string& refused, const Patience& patience) {
  for (const auto& challenge : read_challenges(header)) {
    if (is_bearer(challenge)) {
      if (!credentials_.token.empty()) return "Bearer " + credentials_.token;
      return "Bearer " + fetch_token(challenge.parameters, refused, patience);
    }
    if (challenge.scheme == "basic" && may_be_basic()) return basic();
  }
  return {};
}

/// By GET with a password or without anything; an identity token is exchanged by POST (the distribution specification's OAuth2 flow).
HttpRequest Registry::token_request(const std::string& realm, const std::string& scope, const std::string& service) const {
  HttpRequest request;
  std::string query = "scope=" + escaped(scope);
  if (!service.empty()) query += "&service=" + escaped(service);
  if (credentials_.identity_token.empty()) {
    request.url = realm + (realm.find('?') == std::string::npos ? "?" : "&") + query;
    if (may_be_basic()) request.headers["Authorization"] = basic();
  } else {
    request.method = "POST";
    request.url = realm;
    request.headers["Content-Type"] = "application/x-www-form-urlencoded";
    request.body = "grant_type=refresh_token&client_id=operon&" + query + "&refresh_token=" + escaped(credentials_.identity_token);
  }
  request.timeout = limits_.request_ms_max;
  request.body_bytes_max = token_answer_bytes_max;
  request.ca_bundle = address_.ca_bundle;
  request.skip_tls = address_.skip_tls;
  return request;
}

std::string Registry::fetch_token(const std::map<std::string, std::string>& challenge, const std::string& refused,
                                  const Patience& patience) {
  const auto of = [&](const char* name) {
    const auto found = challenge.find(name);
    return found == challenge.end() ? std::string() : found->second;
  };
  const std::string realm = of("realm");
  const std::string scope = of("scope").empty() ? "repository:" + address_.repository + ":pull" : of("scope");
  const std::string key = address_.registry + "\n" + realm + "\n" + scope + "\n" + credentials_.username + "\n" +
                          digest_of(credentials_.password) + digest_of(credentials_.identity_token) +
                          (address_.skip_tls ? "\nunchecked" : "") + digest_of(address_.ca_bundle);
  if (auto token = tokens_->get(key)) {
    if ("Bearer " + *token != refused) return *token;
    tokens_->drop(key);  // it was taken back before its time
  }
  const bool secure = realm.starts_with("https://");
  if (!secure && !realm.starts_with("http://"))
    throw Error(Code::data_loss, "registry " + address_.registry + ": its token realm is no URL");
  const std::string realm_name = "token realm of registry " + address_.registry;
  if (!secure && !address_.plain_http)
    throw Error(Code::unavailable, realm_name + ": it is plain http while the registry is https: nothing is asked there");
  HttpAnswer answer;
  try {
    answer = transport_->send(token_request(realm, scope, of("service")), patience);
  } catch (const Error& e) {
    throw Error(e.code(), realm_name + ": " + e.what());
  }
  if (answer.status == 401 || answer.status == 403)
    throw Error(Code::unauthenticated, realm_name + ": it gives no token for these credentials (" + std::to_string(answer.status) + ")");
  if (answer.status != 200) throw Error(Code::unavailable, realm_name + " answered " + std::to_string(answer.status));
  const json told = parse_json(answer.body, realm_name);
  const std::string token = token_of(told);
  if (token.empty() || !std::all_of(token.begin(), token.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; }))
    throw Error(Code::data_loss, realm_name + ": its answer has no token");
  const auto lasts = told.find("expires_in");
  const bool counted = lasts != told.end() && lasts->is_number_integer() && lasts->get<int64_t>() > 0;
  tokens_->put(key, token, counted ? std::chrono::seconds(std::min<int64_t>(lasts->get<int64_t>(), 86'400)) : token_lasts_default);
  return token;
}

std::vector<std::string> Registry::tags(const Patience& patience) {
  std::set<std::string> all, pages;
  Wanted wanted;
  wanted.path = "/v2/" + address_.repository + "/tags/list?n=" + page_size;
  wanted.bytes_max = limits_.tags_bytes_max;
  while (!wanted.path.empty()) {
    const HttpAnswer answer = ask(wanted, patience);
    const std::string what = where(wanted.path);
    const json page = parse_json(answer.body, what);
    const auto tags = page.find("tags");
    const size_t before = all.size();
    bool usable = false;
    for (const auto& tag : tags == page.end() || !tags->is_array() ? json::array() : *tags) {
      if (!tag.is_string() || tag.get<std::string>().size() > 128 || !every(tag.get<std::string>(), "._-")) continue;
      usable = true;
      all.insert(tag.get<std::string>());
      if (all.size() > limits_.tags_max)
        throw Error(Code::unavailable, what + ": more than " + std::to_string(limits_.tags_max) + " tags (tags_max)");
    }
    const std::string next = next_page(answer, address_.base(), what);
    pages.insert(wanted.path);
    // A page on which nothing can be used is followed; one that brings us no further is not.
    const bool again = pages.count(next) != 0 || (usable && all.size() == before);
    if (!next.empty() && (again || pages.size() >= limits_.tag_pages_max))
      throw Error(Code::data_loss, what + ": its list of tags has no end");
    wanted.path = next;
  }
  return {all.begin(), all.end()};
}

/// It becomes a part of a path: nothing else than a tag or digest is asked for.
static void check_reference(const std::string& text) {
  if (!operon::scenario_image::is_tag(text) && !is_digest(text))
    throw Error(Code::not_found, "no tag or digest can be named so").with_field("name");
}

std::optional<std::string> Registry::digest_of_tag(const std::string& tag, const Patience& patience) {
  check_reference(tag);
  Wanted wanted;
  wanted.method = "HEAD";
  wanted.path = "/v2/" + address_.repository + "/manifests/" + tag;
  wanted.accept = accepted_media_types;
  wanted.bytes_max = limits_.manifest_bytes_max;
  const std::string digest = header_of(ask(wanted, patience), "docker-content-digest");
  return is_digest(digest) ? std::optional(digest) : std::nullopt;
}

Registry::Fetched Registry::manifest(const std::string& tag_or_digest, const Patience& patience) {
  check_reference(tag_or_digest);
  Wanted wanted;
  wanted.path = "/v2/" + address_.repository + "/manifests/" + tag_or_digest;
  wanted.accept = accepted_media_types;
  wanted.bytes_max = limits_.manifest_bytes_max;
  const HttpAnswer answer = ask(wanted, patience);
  Fetched fetched;
  const std::string signed_text = signed_part(answer.body);  // nothing but what the digest is of is read
  const std::string told = is_digest(tag_or_digest) ? tag_or_digest : header_of(answer, "docker-content-digest");
  fetched.digest = digest_like(told, signed_text);
  if (!told.empty() && told != fetched.digest)
    throw Error(Code::data_loss, where(wanted.path) + ": the manifest has digest " + fetched.digest + " and not " + told);
  fetched.manifest = read_manifest(signed_text, header_of(answer, "content-type"), where(wanted.path));
  return fetched;
}

std::string Registry::blob(const std::string& digest, const Patience& patience) {
  Wanted wanted;
  wanted.path = "/v2/" + address_.repository + "/blobs/" + digest;
  wanted.bytes_max = limits_.config_bytes_max;
  HttpAnswer answer = ask(wanted, patience);
  if (const auto present = digest_like(digest, answer.body); present != digest)
    throw Error(Code::data_loss, where(wanted.path) + ": the blob has digest " + present + " and not the one it was asked by");
  return std::move(answer.body);
}

Image Registry::image(const std::string& tag_or_digest, const Patience& patience) {
  Fetched named = manifest(tag_or_digest, patience);
  Image image;
  image.digest = named.digest;
  if (named.manifest.is_index()) named = manifest(choose(named.manifest, architecture_).digest, patience);
  if (named.manifest.is_index()) throw Error(Code::data_loss, where("/v2/" + address_.repository) + ": an index within an index");
  image.size = named.manifest.size;
  ImageConfig config = named.manifest.config ? std::move(*named.manifest.config)
                                             : read_config(blob(named.manifest.config_digest, patience),
                                                           where("/v2/" + address_.repository + "/blobs/" + named.manifest.config_digest));
  image.created = std::move(config.created);
  std::erase_if(config.labels, [](const auto& label) { return !operon::scenario_image::is_read(label.first); });
  for (const auto& label : config.labels) {
    if (label.second.size() > operon::scenario_image::label_bytes_max)
      throw Error(Code::data_loss, where("/v2/" + address_.repository) + ": label " + label.first + " is larger than " +
                                       std::to_string(operon::scenario_image::label_bytes_max >> 10) + " KiB (label_bytes_max)");
  }
  image.labels = std::move(config.labels);
  return image;
}

}  // namespace registry_oci

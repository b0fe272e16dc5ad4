#include "operon/kubeconfig/kubeconfig.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "checks.hpp"
#include "operon/base64.hpp"
#include "operon/error.hpp"

namespace operon::kubeconfig {
namespace {

using detail::shown;
using detail::text_of;
using nlohmann::json;

/// One named entry of a list, with where it came from.
struct Entry {
  std::string name;
  json body;
  std::string where;             ///< "file:line"
  std::filesystem::path folder;  ///< what relative paths are relative to
  std::string fault;             ///< why it cannot be handed out; empty: nothing is wrong with it
};

std::string title(const char* kind, const Entry& entry) {
  return std::string(kind) + " '" + shown(entry.name) + "' (" + entry.where + ")";
}

std::string read_whole(const std::filesystem::path& path, size_t limit) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    int error = errno;
    Code code = error == ENOENT || error == ENOTDIR ? Code::not_found : error == EACCES ? Code::permission_denied : Code::unavailable;
    throw Error(code, shown(path.string()) + ": " + std::strerror(error));
  }
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
    throw Error(Code::permission_denied, shown(path.string()) + ": not a regular file");
  std::string content;
  char buffer[16'384];
  for (;;) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(Code::unavailable, shown(path.string()) + ": " + std::strerror(errno));
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
    if (content.size() > limit) throw Error(Code::out_of_range, shown(path.string()) + ": larger than " + std::to_string(limit) + " bytes");
  }
}

/// The entries of `clusters`, `contexts` or `users`: [{name, <part>: {...}}].
std::vector<Entry> entries_of(const yaml::Document& document, const char* list, const char* part, const std::filesystem::path& folder) {
  std::vector<Entry> entries;
  auto found = document.value.find(list);
  if (found == document.value.end() || found->is_null()) return entries;
  const std::string list_pointer = std::string("/") + list;
  if (!found->is_array()) throw Error(Code::invalid_argument, document.where(list_pointer) + ": `" + list + "` must be a list");
  for (size_t i = 0; i < found->size(); ++i) {
    const json& item = (*found)[i];
    const std::string where = document.where(list_pointer + "/" + std::to_string(i));
    if (!item.is_object()) throw Error(Code::invalid_argument, where + ": an entry of `" + list + "` must be a map");
    Entry entry{text_of(item, "name"), json::object(), where, folder, {}};
    if (entry.name.empty()) throw Error(Code::invalid_argument, where + ": an entry of `" + list + "` has no `name`");
    auto body = item.find(part);
    if (body != item.end() && !body->is_null()) {
      if (!body->is_object()) throw Error(Code::invalid_argument, title(part, entry) + ": `" + part + "` must be a map");
      entry.body = *body;
    }
    bool known = std::any_of(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == entry.name; });
    if (!known) entries.push_back(std::move(entry));  // as clients do: the first one of a name counts
  }
  return entries;
}

const Entry* find(const std::vector<Entry>& entries, const std::string& name) {
  auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

void add_missing(std::vector<Entry>& into, const std::vector<Entry>& from) {
  for (const auto& entry : from) {
    if (!find(into, entry.name)) into.push_back(entry);
  }
}

/// Replaces the path at `key` by the file's content at `data_key`; data that is there already wins, as in every client.
void write_in(json& body, const char* key, const char* data_key, const Entry& entry, const char* kind, bool as_base64) {
  const std::string path_text = text_of(body, key);
  body.erase(key);
  if (path_text.empty()) return;
  if (as_base64 && !text_of(body, data_key).empty()) return;
  std::filesystem::path path(path_text);
  if (path.is_relative()) path = entry.folder / path;
  try {
    std::string content = read_whole(path, file_bytes_max);
    if (!as_base64) {
      content.erase(content.find_last_not_of(" \t\r\n") + 1);
      content.erase(0, std::min(content.find_first_not_of(" \t\r\n"), content.size()));
    }
    body[data_key] = as_base64 ? base64_encode(content) : content;
  } catch (const Error& e) {
    throw Error(Code::failed_precondition, title(kind, entry) + ": `" + key + "`: " + e.what());
  }
}

using PathTreatment = std::function<void(json&, const char*, const char*, const Entry&, const char*, bool)>;

/// As clients do: the program of an `exec` user is found from the file's folder, unless it is searched for in PATH.
void place_program(json& body, const Entry& entry) {
  const auto exec = body.find("exec");
  if (exec == body.end() || !exec->is_object()) return;
  const std::filesystem::path command(text_of(*exec, "command"));
  if (command.is_relative() && command.has_parent_path()) (*exec)["command"] = (entry.folder / command).lexically_normal().string();
}

/// Runs `check` on each entry; with `apart` what it throws becomes the entry's fault.
template <class Check>
void check_each(std::vector<Entry>& entries, bool apart, Check check) {
  for (auto& entry : entries) {
    try {
      check(entry);
    } catch (const Error& e) {
      if (!apart) throw;
      entry.fault = e.what();
    }
  }
}

void refuse_faulty(const Entry& entry) {
  if (!entry.fault.empty()) throw Error(Code::failed_precondition, entry.fault);
}

void make_text(json& body, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (auto found = body.find(key); found != body.end() && !found->is_null()) *found = text_of(body, key);
  }
}

}  // namespace

struct Kubeconfig::Data {
  struct Chosen {
    const Entry& context;
    const Entry& cluster;
    const Entry* user;  ///< nullptr: the context names none
  };
  Chosen choose(const std::string& context) const;

  std::string current_context;
  std::vector<Entry> clusters, contexts, users;
};

Kubeconfig::Kubeconfig() : data_(std::make_unique<Data>()) {}
Kubeconfig::Kubeconfig(const Kubeconfig& other) : data_(std::make_unique<Data>(*other.data_)) {}
Kubeconfig::Kubeconfig(Kubeconfig&&) noexcept = default;
Kubeconfig& Kubeconfig::operator=(Kubeconfig other) noexcept {
  data_ = std::move(other.data_);
  return *this;
}
Kubeconfig::~Kubeconfig() = default;

Kubeconfig Kubeconfig::parse(std::string_view text, const std::string& name, Trust trust, const std::filesystem::path& folder) {
  yaml::Document document = yaml::load(text, name, {.bytes_max = bytes_max});
  const json& root = document.value;
  if (!root.is_object()) throw Error(Code::invalid_argument, name + ": not a kubeconfig: must be a map with clusters, contexts and users");
  if (std::string kind = text_of(root, "kind"); !kind.empty() && kind != "Config") {
    throw Error(Code::invalid_argument, document.where("/kind") + ": not a kubeconfig: `kind` must be Config");
  }
  if (std::string version = text_of(root, "apiVersion"); !version.empty() && version != "v1") {
    throw Error(Code::invalid_argument, document.where("/apiVersion") + ": not a kubeconfig: `apiVersion` must be v1");
  }
  if (!root.contains("clusters") && !root.contains("contexts") && !root.contains("users")) {
    throw Error(Code::invalid_argument, name + ": not a kubeconfig: has no clusters, contexts or users");
  }
  Kubeconfig config;
  Data& data = *config.data_;
  data.current_context = text_of(root, "current-context");
  data.clusters = entries_of(document, "clusters", "cluster", folder);
  data.contexts = entries_of(document, "contexts", "context", folder);
  data.users = entries_of(document, "users", "user", folder);
  const bool apart = trust.entries_apart;
  check_each(data.clusters, apart, [&](const Entry& e) { detail::check_cluster(e.body, title("cluster", e), trust); });
  check_each(data.contexts, apart, [](const Entry& e) { detail::check_context(e.body, title("context", e)); });
  check_each(data.users, apart, [&](const Entry& e) { detail::check_user(e.body, title("user", e), trust); });
  return config;
}

Kubeconfig Kubeconfig::load(const std::filesystem::path& file, Trust trust) {
  return parse(read_whole(file, bytes_max), file.string(), trust, std::filesystem::absolute(file).parent_path());
}

void Kubeconfig::merge(const Kubeconfig& later) {
  if (data_->current_context.empty()) data_->current_context = later.data_->current_context;
  add_missing(data_->clusters, later.data_->clusters);
  add_missing(data_->contexts, later.data_->contexts);
  add_missing(data_->users, later.data_->users);
}

const std::string& Kubeconfig::current_context() const {
  return data_->current_context;
}

/// Whoever may list clusters sees it: user, password and a query that may hold a token stay in the file.
static std::string without_credentials(const std::string& server_url) {
  std::string url = server_url.substr(0, server_url.find_first_of("?#"));
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const size_t begin = scheme + 3;
  const size_t path = std::min(url.find('/', begin), url.size());
  const size_t user_end = url.substr(begin, path - begin).rfind('@');
  if (user_end != std::string::npos) url.erase(begin, user_end + 1);
  return url;
}

std::vector<Context> Kubeconfig::contexts() const {
  std::vector<Context> all;
  for (const auto& entry : data_->contexts) {
    Context context{entry.name, text_of(entry.body, "cluster"), text_of(entry.body, "user"), text_of(entry.body, "namespace"), "",
                    entry.where};
    if (const Entry* cluster = find(data_->clusters, context.cluster))
      context.server = without_credentials(text_of(cluster->body, "server"));
    all.push_back(std::move(context));
  }
  return all;
}

/// What one context stands for. Throws Error when it or what it names is missing.
Kubeconfig::Data::Chosen Kubeconfig::Data::choose(const std::string& name) const {
  const Entry* context = find(contexts, name);
  if (!context) throw Error(Code::not_found, "no context '" + shown(name) + "'");
  refuse_faulty(*context);
  const std::string cluster_name = text_of(context->body, "cluster"), user_name = text_of(context->body, "user");
  const Entry* cluster = find(clusters, cluster_name);
  const Entry* user = find(users, user_name);
  auto missing = [&](const char* kind, const std::string& which) {
    return Error(Code::failed_precondition, title("context", *context) + ": its " + kind + " '" + shown(which) + "' is not there");
  };
  if (!cluster) throw missing("cluster", cluster_name);
  if (!user && !user_name.empty()) throw missing("user", user_name);
  refuse_faulty(*cluster);
  if (user) refuse_faulty(*user);
  return {*context, *cluster, user};
}

namespace {

/// One context's kubeconfig as text; `treat` handles the paths of a part.
std::string emit_one(const Entry& context, const Entry& cluster, const Entry* user, const PathTreatment& treat) {
  json cluster_body = cluster.body;
  treat(cluster_body, "certificate-authority", "certificate-authority-data", cluster, "cluster", true);
  make_text(cluster_body, {"server", "tls-server-name", "proxy-url", "certificate-authority-data"});
  json context_body = context.body;
  make_text(context_body, {"cluster", "user", "namespace"});
  json out{{"apiVersion", "v1"},
           {"kind", "Config"},
           {"current-context", context.name},
           {"clusters", json::array({{{"name", cluster.name}, {"cluster", cluster_body}}})},
           {"contexts", json::array({{{"name", context.name}, {"context", context_body}}})},
           {"users", json::array()}};
  if (user) {
    json user_body = user->body;
    place_program(user_body, *user);
    treat(user_body, "client-certificate", "client-certificate-data", *user, "user", true);
    treat(user_body, "client-key", "client-key-data", *user, "user", true);
    treat(user_body, "tokenFile", "token", *user, "user", false);  // a token file wins over a token, as in client-go
    make_text(user_body, {"client-certificate-data", "client-key-data", "token", "username", "password"});
    out["users"].push_back({{"name", user->name}, {"user", user_body}});
  }
  return yaml::emit(out);
}

void keep_path(json& body, const char* key, const char*, const Entry& entry, const char*, bool) {
  const std::filesystem::path path(text_of(body, key));
  if (!path.empty()) body[key] = (path.is_relative() ? entry.folder / path : path).string();
}

}  // namespace

std::string Kubeconfig::flatten(const std::string& name) const {
  const auto [context, cluster, user] = data_->choose(name);
  return emit_one(context, cluster, user, write_in);
}

bool Kubeconfig::self_contained(const std::string& name) const {
  const auto [context, cluster, user] = data_->choose(name);
  const auto names = [](const Entry& entry, std::initializer_list<const char*> keys) {
    return std::any_of(keys.begin(), keys.end(), [&](const char* key) { return !text_of(entry.body, key).empty(); });
  };
  return !names(cluster, {"certificate-authority"}) &&
         (user == nullptr || !names(*user, {"client-certificate", "client-key", "tokenFile"}));
}

std::string Kubeconfig::with_paths(const std::string& name) const {
  const auto [context, cluster, user] = data_->choose(name);
  return emit_one(context, cluster, user, keep_path);
}

std::vector<std::filesystem::path> default_files() {
  std::vector<std::filesystem::path> files;
  if (const char* list = std::getenv("KUBECONFIG"); list && *list) {
    std::string_view rest = list;
    while (!rest.empty()) {
      size_t colon = rest.find(':');
      if (colon != 0) files.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
    }
    return files;
  }
  if (const char* home = std::getenv("HOME"); home && *home) files.push_back(std::filesystem::path(home) / ".kube" / "config");
  return files;
}

}  // namespace operon::kubeconfig

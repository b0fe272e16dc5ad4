/// operon/kubeconfig/kubeconfig.hpp: kubeconfigs, read under limits, merged as kubectl merges them, and made self-contained.
///
/// Messages name the cluster, user or context and "file:line", never what stands in the file.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace operon::kubeconfig {

inline constexpr size_t bytes_max = 1u << 20;       ///< of one kubeconfig
inline constexpr size_t file_bytes_max = 1u << 20;  ///< of a certificate, key or token file it names

/// What a kubeconfig may ask of the machine that reads it. The default is for what a user sent: nothing.
struct Trust {
  bool exec = false;        ///< `exec` and `auth-provider` users: programs that the client runs
  bool files = false;       ///< certificate-authority, client-certificate, client-key, tokenFile: paths that are read
  bool link_local = false;  ///< servers and proxies at link-local and cloud metadata addresses
  /// A broken or unfinished entry (kubectl writes contexts without a cluster) is refused when it is asked for, not the whole file at once.
  bool entries_apart = false;

  static Trust host_files() { return {true, true, true, true}; }  ///< for files that the host's administrator configured
};

struct Context {
  std::string name, cluster, user, name_space;
  std::string server;  ///< URL without user and query; empty when the context names no known cluster
  std::string where;   ///< "file:line"
};

/// One kubeconfig, or several merged. A value: copies are independent.
class Kubeconfig {
 public:
  Kubeconfig();
  Kubeconfig(const Kubeconfig&);
  Kubeconfig(Kubeconfig&&) noexcept;
  Kubeconfig& operator=(Kubeconfig) noexcept;
  ~Kubeconfig();

  /// `name` stands in messages; relative paths in it are relative to `folder`. Throws Error: invalid_argument when it is no kubeconfig,
  /// failed_precondition when it asks for more than `trust` gives (with the cluster or user at fault).
  static Kubeconfig parse(std::string_view text, const std::string& name, Trust trust = {}, const std::filesystem::path& folder = {});
  /// A file of the host's own. Throws Error(not_found, permission_denied, unavailable, out_of_range) besides.
  static Kubeconfig load(const std::filesystem::path& file, Trust trust = Trust::host_files());

  /// Adds what `later` has and this has not, whole entries at a time: of a name in both, this one's stays.
  void merge(const Kubeconfig& later);

  const std::string& current_context() const;
  /// In the order of the files.
  std::vector<Context> contexts() const;

  /// YAML text with this one context, its cluster and its user, the files it names read and written in. Throws Error(not_found) for an
  /// unknown context, failed_precondition for one whose cluster or user is missing or whose files cannot be read.
  std::string flatten(const std::string& context) const;
  /// flatten() reads no file for this context: it answers the same as long as this object does. Throws what flatten() throws for a context,
  /// cluster or user that is missing.
  bool self_contained(const std::string& context) const;
  /// The same with the files it names left where they are, as absolute paths: for a client that reads them again as they rotate.
  std::string with_paths(const std::string& context) const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

/// The files kubectl would read: $KUBECONFIG (colon-separated, empty ones left out), else ~/.kube/config.
std::vector<std::filesystem::path> default_files();

/// The address a server URL names when it is a link-local or cloud metadata one, in whatever spelling; empty otherwise.
std::string link_local_host(std::string_view server_url);

}  // namespace operon::kubeconfig

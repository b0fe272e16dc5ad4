/// operon/scenario_image/catalogue.hpp: the scenarios of one repository, remembered: images by digest for ever (they cannot change), tags
/// for a while. Links with operon_scenario_image.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operon/scenario_image/fetch_pool.hpp"
#include "operon/scenario_image/labels.hpp"
#include "operon/scenario_image/patience.hpp"

namespace operon::scenario_image {

/// A tag as its registry lists it; what the list does not tell is absent.
struct Tag {
  std::string name;
  std::optional<std::string> digest, last_modified;
  std::optional<int64_t> size;
};

/// An image as its registry tells of it.
struct Image {
  std::string digest;  ///< of the manifest that the tag names
  std::optional<int64_t> size;
  std::optional<std::string> last_modified;  ///< RFC 3339
  Labels labels;                             ///< krknctl's alone
};

/// How one kind of registry is asked. Thread-safe; functions block and throw Error.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::vector<Tag> tags(const Patience&) = 0;
  /// What a tag names now; absent: only image() tells.
  virtual std::optional<std::string> digest_of_tag(const std::string& tag, const Patience&) = 0;
  virtual Image image(const std::string& tag_or_digest, const Patience&) = 0;
  /// Ends what is under way: everything throws from then on.
  virtual void stop() = 0;
};

struct CatalogueLimits {
  std::chrono::milliseconds tags_ms_max{60'000};        ///< how long a list of tags is taken for the present one
  std::chrono::milliseconds digest_ms_max{600'000};     ///< the same, for what a tag names
  std::chrono::milliseconds failure_ms_max{60'000};     ///< how long what could not be read is left alone
  std::chrono::milliseconds away_ms_max{10'000};        ///< how long a registry that could not be reached is not asked about one image
  std::chrono::milliseconds read_ms_max{60'000};        ///< for one image, in the background
  std::chrono::milliseconds tags_read_ms_max{300'000};  ///< for the whole list of tags, in the background
  std::chrono::milliseconds list_wait_ms_max{20'000};   ///< then a list answers with what it has, and goes on behind
  size_t images_max = 20'000;
  size_t images_bytes_max = 64u << 20;  ///< of labels
  unsigned fetches_max = FetchPool::fetches_at_once_max;
};

struct CatalogueEntry {
  std::string name;  ///< the tag; the digest when that was asked for
  std::shared_ptr<const Image> image;
  std::optional<int64_t> size;               ///< as the list has it, else the image
  std::optional<std::string> last_modified;  ///< the same
};

struct CatalogueList {
  std::vector<CatalogueEntry> entries;  ///< scenarios alone, by name
  bool partial = false;                 ///< some tags are still being read
  std::chrono::milliseconds age{0};     ///< of the list of tags, when the registry could not be asked for a newer one
};

/// Thread-safe; a call blocks, no longer than its patience.
class Catalogue {
 public:
  using Now = std::function<std::chrono::steady_clock::time_point()>;
  /// A tag that is skipped and why, once for each reason (an empty name: the list of tags); how far a long list is.
  struct Reports {
    std::function<void(const std::string& tag, const std::string& reason)> skipped;
    std::function<void(size_t read, size_t all)> progress;
    /// A scenario that is listed, but for what its base has to say of it; once for each reason.
    std::function<void(const std::string& tag, const std::string& reason)> without_globals = {};
  };

  Catalogue(std::shared_ptr<Source>, CatalogueLimits, Reports, Now = &std::chrono::steady_clock::now);
  ~Catalogue();  ///< stops

  /// Throws what the source does when there is no list of tags, not even an old one.
  CatalogueList list(const Patience&);
  /// By tag or digest, whether it is a scenario or not. Throws Error(not_found) for what the registry has not;
  /// unavailable at once when it could not be reached a moment ago, so that starts of runs do not wait for it one after the other.
  /// `shown`: the digest that somebody was shown for this tag; when another is remembered, the registry is asked what it has now.
  CatalogueEntry find(const std::string& tag_or_digest, const Patience&, const std::optional<std::string>& shown = {});
  /// Ends what is under way; whoever waits is sent away with Error(cancelled).
  void stop();

 private:
  struct State;
  void read_behind(const std::vector<const Tag*>&);

  const std::shared_ptr<State> state_;
  FetchPool tags_pool_{1}, pool_;  // last: their threads use the state
};

/// Signatures, attestations and the like are kept as tags, too.
bool may_be_a_scenario(const std::string& tag);

}  // namespace operon::scenario_image

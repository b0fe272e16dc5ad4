/// core/jobs/page_cache.hpp: pages of ended runs that were read a moment ago. Dashboards ask for the same ones over and over.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/jobs/store.hpp"
#include "core/metrics/metrics.hpp"

namespace operon::jobs {

/// Thread-safe. Holds `bytes_max` of texts at most: the page that was asked for longest ago goes first, one that alone is larger is not
/// kept.
class PageCache {
 public:
  explicit PageCache(size_t bytes_max);

  /// To be asked before the rows are read, and given to keep(): what was read beside a change is then not kept for after it.
  uint64_t version() const;
  /// Null: not kept.
  PageRows find(const std::string& question);
  void keep(uint64_t version, std::string question, PageRows);
  /// After a commit that changed ended runs, and before anybody is told of it.
  void changed();

 private:
  struct Kept {
    std::string question;
    PageRows rows;
    size_t bytes = 0;
  };

  void drop_last();

  const size_t bytes_max_;
  metrics::Counter hits_;
  metrics::Counter misses_;
  metrics::Counter dropped_;
  mutable std::mutex mutex_;
  uint64_t version_ = 0;
  size_t bytes_ = 0;
  std::list<Kept> kept_;  ///< asked for last at the front
  std::map<std::string_view, std::list<Kept>::iterator> by_question_;
};

/// One text for each different question.
std::string page_question(const JobFilter&, unsigned limit, const std::optional<PageKey>& after);

}  // namespace operon::jobs

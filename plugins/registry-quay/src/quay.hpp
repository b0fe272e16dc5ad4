/// quay.hpp: one repository on a Quay, by its own API: one request tells of a hundred tags.
#pragma once

#include <memory>
#include <string>

#include "operon/scenario_image/catalogue.hpp"
#include "operon/scenario_image/transport.hpp"

namespace registry_quay {

using operon::scenario_image::Patience;

struct QuayAddress {
  std::string url = "https://quay.io";
  std::string organisation = "krkn-chaos", repository = "krkn-hub";
  std::string ca_bundle;  ///< PEM

  /// What a reference begins with.
  std::string name() const { return url.substr(url.find("://") + 3) + "/" + organisation + "/" + repository; }
};

struct QuayLimits {
  size_t answer_bytes_max = 8u << 20;
  size_t tags_max = 10'000;
  unsigned pages_max = 1'000;
  std::chrono::milliseconds request_ms_max{30'000};
};

/// Throws Error: not_found, data_loss for what makes no sense, unavailable for the rest; each names the URL.
class Quay final : public operon::scenario_image::Source {
 public:
  Quay(std::shared_ptr<operon::scenario_image::Transport>, QuayAddress, std::string architecture, QuayLimits = {});

  std::vector<operon::scenario_image::Tag> tags(const Patience&) override;
  std::optional<std::string> digest_of_tag(const std::string& tag, const Patience&) override;
  operon::scenario_image::Image image(const std::string& tag_or_digest, const Patience&) override;
  void stop() override { transport_->stop(); }

 private:
  std::string get(const std::string& path, const Patience&);
  std::string where(const std::string& path) const;
  std::string tags_path(const std::string& query) const;
  operon::scenario_image::Tag tag_of(const std::string& name, const Patience&);

  const std::shared_ptr<operon::scenario_image::Transport> transport_;
  const QuayAddress address_;
  const std::string architecture_;
  const QuayLimits limits_;
};

}  // namespace registry_quay

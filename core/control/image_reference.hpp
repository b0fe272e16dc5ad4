/// core/control/image_reference.hpp: a container image's reference by its parts, as container runtimes read it.
#pragma once

#include <string>
#include <string_view>

namespace operon::control {

struct ImageReference {
  std::string host;         ///< lower case, with its port; "docker.io" when none is written
  std::string repository;   ///< "krkn-chaos/krkn-hub"; docker.io's own begin with "library/"
  std::string tag, digest;  ///< empty when not written
  std::string written;      ///< the name as it stands in the reference, without tag and digest
};

/// Throws Error(failed_precondition) saying what no runtime would take: a part that is empty, upper case, "." or "..", or a digest that is
/// none.
ImageReference parse_image_reference(std::string_view);

/// Of a repository that is named beside its registry: registryUrl and scenarioRepository.
ImageReference repository_of(std::string_view host, std::string_view repository);

/// "sha256:" and 64 digits, or another algorithm's.
bool is_digest(std::string_view);

/// True when the image is of the registry, or of the part of it, that `place` names: "quay.io", "quay.io/krkn-chaos", "localhost:5000".
bool is_within(const ImageReference&, std::string_view place);

}  // namespace operon::control

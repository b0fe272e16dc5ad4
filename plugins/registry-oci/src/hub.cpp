#include "hub.hpp"

namespace registry_oci {
namespace {

constexpr const char* hub = "docker.io";

bool is_hub(const std::string& host) {
  return host == hub || host == "index.docker.io";
}

std::string within_hub(const std::string& path) {
  return path.find('/') == std::string::npos ? "library/" + path : path;
}

}  // namespace

Address completed(Address address) {
  if (!is_hub(address.registry)) return address;
  address.registry = hub;
  address.repository = within_hub(address.repository);
  return address;
}

std::string completed_reference(const std::string& reference) {
  const auto slash = reference.find('/');
  const std::string first = slash == std::string::npos ? "" : reference.substr(0, slash);
  if (is_hub(first)) return std::string(hub) + "/" + within_hub(reference.substr(slash + 1));
  const bool host = first == "localhost" || first.find_first_of(".:") != std::string::npos;
  return reference.empty() || host ? reference : std::string(hub) + "/" + within_hub(reference);
}

}  // namespace registry_oci

#include "core/http/router.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "operon/error.hpp"

namespace operon::http {

namespace {

constexpr size_t methods = 5;

struct Node {
  std::vector<std::string> segments;  // "{name}" is a parameter
  std::array<int, methods> route{-1, -1, -1, -1, -1};
  size_t parameters = 0;
  std::string allow;
};

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
};

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> out;
  size_t at = 1;
  while (at <= path.size()) {
    const size_t end = std::min(path.find('/', at), path.size());
    out.emplace_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

bool same_shape(const Node& a, const std::vector<std::string>& segments) {
  return std::equal(a.segments.begin(), a.segments.end(), segments.begin(), segments.end(),
                    [](const std::string& x, const std::string& y) { return is_parameter(x) ? is_parameter(y) : x == y; });
}

int method_index(std::string_view method) {
  if (method == "GET" || method == "HEAD") return static_cast<int>(Method::get);
  if (method == "POST") return static_cast<int>(Method::post);
  if (method == "PUT") return static_cast<int>(Method::put);
  if (method == "PATCH") return static_cast<int>(Method::patch);
  if (method == "DELETE") return static_cast<int>(Method::del);
  return -1;
}

std::string allow_of(const Node& node) {
  std::string out;
  for (size_t m = 0; m < methods; ++m) {
    if (node.route[m] < 0) continue;
    if (!out.empty()) out += ", ";
    out += to_string(static_cast<Method>(m));
    if (m == 0) out += ", HEAD";
  }
  return out;
}

}  // namespace

struct Router::Impl {
  std::vector<Route> routes;
  std::vector<std::unique_ptr<Node>> nodes;
  std::unordered_map<std::string, Node*, TextHash, std::equal_to<>> literal;
  std::vector<Node*> parametric;  // fewest parameters first: "/jobs/events/{id}" before "/jobs/{a}/{b}"

  void add(const Route& route, int index) {
    if (route.pattern.empty() || route.pattern.front() != '/') {
      throw Error(Code::internal, "route pattern '" + route.pattern + "' does not begin with a slash");
    }
    const std::vector<std::string> segments = split(route.pattern);
    auto found = std::find_if(nodes.begin(), nodes.end(), [&](const auto& n) { return same_shape(*n, segments); });
    if (found == nodes.end()) {
      auto node = std::make_unique<Node>();
      node->segments = segments;
      node->parameters = static_cast<size_t>(std::count_if(segments.begin(), segments.end(), is_parameter));
      if (node->parameters == 0) {
        literal.emplace(route.pattern, node.get());
      } else {
        auto at = std::upper_bound(parametric.begin(), parametric.end(), node.get(),
                                   [](const Node* a, const Node* b) { return a->parameters < b->parameters; });
        parametric.insert(at, node.get());
      }
      nodes.push_back(std::move(node));
      found = std::prev(nodes.end());
    }
    int& slot = (*found)->route[static_cast<size_t>(route.method)];
    if (slot >= 0) throw Error(Code::internal, std::string("two routes for ") + to_string(route.method) + " " + route.pattern);
    // Patterns of one shape share a node, so their parameters must have the same names.
    if ((*found)->segments != segments) {
      throw Error(Code::internal,
                  "route pattern '" + route.pattern + "' names its parameters differently from another route of the same shape");
    }
    slot = index;
    (*found)->allow = allow_of(**found);
  }

  const Node* find(std::string_view path, std::vector<std::pair<std::string, std::string>>& params) const {
    if (auto it = literal.find(path); it != literal.end()) return it->second;
    if (path.empty() || path.front() != '/') return nullptr;
    for (const Node* node : parametric) {
      if (matches(*node, path)) {
        take(*node, path, params);
        return node;
      }
    }
    return nullptr;
  }

  static bool matches(const Node& node, std::string_view path) {
    size_t at = 1;
    for (const std::string& segment : node.segments) {
      if (at > path.size()) return false;
      const size_t end = std::min(path.find('/', at), path.size());
      const std::string_view got = path.substr(at, end - at);
      if (is_parameter(segment) ? got.empty() : got != segment) return false;
      at = end + 1;
    }
    return at == path.size() + 1;
  }

  static void take(const Node& node, std::string_view path, std::vector<std::pair<std::string, std::string>>& params) {
    size_t at = 1;
    for (const std::string& segment : node.segments) {
      const size_t end = std::min(path.find('/', at), path.size());
      if (is_parameter(segment)) params.emplace_back(segment.substr(1, segment.size() - 2), path.substr(at, end - at));
      at = end + 1;
    }
  }
};

Router::Router() : impl_(std::make_unique<Impl>()) {}
Router::~Router() = default;

void Router::add(std::vector<Route> more) {
  for (Route& route : more) {
    impl_->add(route, static_cast<int>(impl_->routes.size()));
    impl_->routes.push_back(std::move(route));
  }
}

const std::vector<Route>& Router::routes() const noexcept {
  return impl_->routes;
}

Router::Match Router::match(std::string_view method, std::string_view decoded_path) const {
  Match out;
  const Node* node = impl_->find(decoded_path, out.params);
  if (!node) return out;
  out.allow = node->allow;
  const int index = method_index(method);
  if (index >= 0 && node->route[static_cast<size_t>(index)] >= 0) {
    out.route = &impl_->routes[static_cast<size_t>(node->route[static_cast<size_t>(index)])];
  }
  return out;
}

}  // namespace operon::http

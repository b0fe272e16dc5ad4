/// core/http/router.hpp: routes as data. A route names the interface it dispatches to, never a plugin.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/message.hpp"

namespace operon::http {

struct Route {
  Method method = Method::get;
  std::string pattern;  ///< "/scenarios/run/{jobId}"
  Role role = Role::view;
  std::string interface_id;  ///< plugin interface that it dispatches to; empty when it needs none
  Handler handler;
  bool no_block = false;  ///< answered on the reactor's thread: memory only, well under 1 ms
  size_t body_bytes_max = 64u << 10;
  bool ignores_body = false;
};

/// Built once, then read by all threads.
class Router {
 public:
  void add(std::vector<Route>);  ///< throws Error(internal) for two routes of one method and pattern
  const std::vector<Route>& routes() const noexcept;

  struct Match {
    const Route* route = nullptr;  ///< null: not found, or only other methods
    std::vector<std::pair<std::string, std::string>> params;
    std::string allow;  ///< "GET, HEAD, POST" when the path is known
  };
  Match match(std::string_view method, std::string_view decoded_path) const;

  Router();
  ~Router();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace operon::http

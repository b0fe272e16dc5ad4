/// Names that stand for link-local addresses, in a network of this process's own: a program apart from the other tests.
#include <dlfcn.h>
#include <net/if.h>
#include <netdb.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "core/net/client.hpp"
#include "web_server.hpp"

using namespace operon;
using namespace operon::net;
using namespace operon::net::test;
using Catch::Matchers::Contains;

namespace {

constexpr in_addr_t address = 0xa9fe4d01;  // 169.254.77.1

/// On the loopback interface, where nothing else is.
bool take_address() {
  const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  auto* in = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  in->sin_family = AF_INET;
  in->sin_addr.s_addr = htonl(address);
  bool done = ioctl(socket_fd, SIOCSIFADDR, &request) == 0;
  request.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
  done = done && ioctl(socket_fd, SIOCSIFFLAGS, &request) == 0;
  close(socket_fd);
  return done;
}

bool own_network() {
  return unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWNET | CLONE_NEWUSER) == 0 && take_address();
}

}  // namespace

/// What an owner of the name could have its name server say; /etc/hosts is the machine's.
extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                                                                  addrinfo** found) {
  static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
  const bool ours = name != nullptr && std::strcmp(name, "registry.example") == 0;
  return real(ours ? "169.254.77.1" : name, service, hints, found);
}

TEST_CASE("a name that stands for a link-local address is not asked, nor by a connection that somebody else has opened") {
  INFO("needs root, or user namespaces: sysctl kernel.unprivileged_userns_clone=1");
  REQUIRE(own_network());
  for (const char* proxy : {"http_proxy", "all_proxy"}) unsetenv(proxy);
  WebServer server([](const std::string&) { return std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); }, address);
  Client client;
  Request free;
  free.url = "http://registry.example:" + std::to_string(server.port()) + "/";
  Request bound = free;
  bound.link_local = false;
  const auto refused = [&] {
    try {
      client.fetch(bound);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("it was asked");
  };
  CHECK_THAT(refused(), Contains("leads to a link-local or cloud metadata address"));
  CHECK(server.connections() == 0);
  CHECK(client.fetch(free).body == "ok");
  CHECK_THAT(refused(), Contains("leads to a link-local or cloud metadata address"));
  CHECK(client.fetch(free).body == "ok");
  CHECK(server.requests().size() == 2);
}

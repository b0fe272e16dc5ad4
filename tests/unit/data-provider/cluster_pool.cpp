#include "cluster_pool.hpp"

#include <catch2/catch.hpp>
#include <future>

#include "core/base/text.hpp"

using namespace operon;
using namespace operon::data_provider;
using std::chrono::milliseconds;

namespace {

std::string kubeconfig() {
  return base::base64_encode(
      "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
      "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n"
      "users: [{name: u, user: {token: t}}]\n"
      "contexts: [{name: c, context: {cluster: c, user: u}}]\n");
}

}  // namespace

TEST_CASE("a pool ends after the last of its clients, also when that one's own thread held it") {
  auto pool = std::make_unique<ClusterPool>(ClusterPoolLimits{});
  auto client = pool->get(kubeconfig()).client;
  std::promise<void> held, let_go;
  auto* const asked = client.get();
  asked->after(milliseconds(0), [client = std::exchange(client, nullptr), &held, &let_go]() mutable {
    held.set_value();
    let_go.get_future().wait();
    client.reset();
  });
  held.get_future().wait();
  const auto end = std::async(std::launch::async, [&] { pool.reset(); });
  CHECK(end.wait_for(milliseconds(100)) == std::future_status::timeout);
  let_go.set_value();
  end.wait();
}

"""What every data provider does, whatever it is written in. Against the API server of $KUBECONFIG; $DATA_PROVIDER is the command under test."""

import concurrent.futures
import json
import signal
import threading
import unittest
import uuid

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from provider import Cluster, FakeServer, PATIENCE, Provider, SECRET, STREAMS_MAX, code_of, free_port, kubeconfig_of, packed, pb, time, until

SERVICE = "dataprovider.DataProviderService"
Code = grpc.StatusCode
Health = health_pb2.HealthCheckResponse
Question = reflection_pb2.ServerReflectionRequest


def node_list(*names):
    items = [{"metadata": {"name": name}} for name in names]
    return json.dumps({"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": items}).encode()


class Suite(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.provider = Provider().__enter__()
        cls.addClassCleanup(cls.provider.__exit__)
        cls.good = cls.cluster.kubeconfig()
        cls.tag = uuid.uuid4().hex[:8]

    def refused(self, kubeconfig, code=Code.INVALID_ARGUMENT):
        got, words = code_of(lambda: self.provider.nodes(kubeconfig))
        self.assertEqual(got, code, words)
        self.assertNotIn(SECRET, words)
        return words


class Nodes(Suite):
    def test_names_of_all_nodes_beyond_a_page(self):
        names = sorted(f"n-{self.tag}-{i:03}" for i in range(520))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: self.cluster.core.create_node({"metadata": {"name": name, "labels": {"tag": self.tag}}}), names))
        try:
            got = self.provider.nodes(self.good)
            self.assertEqual(sorted(got), sorted(node.metadata.name for node in self.cluster.core.list_node().items))
            self.assertLessEqual(set(names), set(got))
            self.assertEqual(len(got), len(set(got)))
        finally:
            self.cluster.core.delete_collection_node(label_selector=f"tag={self.tag}")
        until("the nodes are gone", lambda: not set(names) & set(self.provider.nodes(self.good)))

    def test_wrapped_base64(self):
        wrapped = "\n".join(packed(self.good)[i:i + 76] for i in range(0, len(packed(self.good)), 76))
        self.provider.stub.GetNodes(pb.GetNodesRequest(kubeconfig_base64=wrapped), timeout=20)

    def test_many_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: self.provider.nodes(self.good), range(100)))
        self.assertTrue(all(answer == answers[0] for answer in answers))


class Pods(Suite):
    def make_pods(self, name_space, *names, **labels):
        self.cluster.core.create_namespaced_service_account(name_space, {"metadata": {"name": "default"}})
        for name in names:
            self.cluster.core.create_namespaced_pod(name_space, {"metadata": {"name": name, "labels": {**labels, "name": name}},
                                                                 "spec": {"containers": [{"name": "c", "image": "none"}]}})

    def ask(self, **request):
        return self.provider.stub.GetPods(pb.GetPodsRequest(kubeconfig_base64=packed(self.good), **request), timeout=20)

    def test_names_selectors_and_pages(self):
        with self.cluster.namespace(f"p1-{self.tag}") as one, self.cluster.namespace(f"p2-{self.tag}") as two:
            self.make_pods(one, "a", "b", "c", tag=self.tag)
            self.make_pods(two, "a", tag=self.tag)
            self.assertEqual(list(self.ask(namespace=one).names), ["a", "b", "c"])
            everywhere = self.ask(label_selector=f"tag={self.tag}")
            self.assertEqual(sorted(zip(everywhere.namespaces, everywhere.names)), [(one, "a"), (one, "b"), (one, "c"), (two, "a")])
            self.assertEqual(list(self.ask(namespace=one, label_selector="name in (b,c)").names), ["b", "c"])
            self.assertEqual(list(self.ask(namespace=one, field_selector="metadata.name=b").names), ["b"])
            first = self.ask(namespace=one, limit=2)
            self.assertEqual(list(first.names), ["a", "b"])
            self.assertTrue(getattr(first, "continue"))
            rest = self.ask(namespace=one, limit=2, **{"continue": getattr(first, "continue")})
            self.assertEqual(list(rest.names), ["c"])
            self.assertEqual(getattr(rest, "continue"), "")
            self.assertEqual(list(self.ask(namespace=f"none-{self.tag}").names), [])

    def test_what_cannot_be_asked(self):
        for request in ({"namespace": "../nodes"}, {"namespace": "A B"}, {"label_selector": "a in ("}, {"field_selector": "no.such.field=1"}, {"limit": -1},
                        {"continue": "nonsense"}):
            with self.subTest(request):
                code, words = code_of(lambda request=request: self.ask(**request))
                self.assertEqual(code, Code.INVALID_ARGUMENT, words)


class Namespaces(Suite):
    def test_names_selectors_and_pages(self):
        def ask(**request):
            return self.provider.stub.GetNamespaces(pb.GetNamespacesRequest(kubeconfig_base64=packed(self.good), **request), timeout=20)
        label = {"tag": self.tag}
        with self.cluster.namespace(f"a-{self.tag}", label), self.cluster.namespace(f"b-{self.tag}", label):
            self.assertLessEqual({"default", f"a-{self.tag}", f"b-{self.tag}"}, set(ask().namespaces))
            self.assertEqual(list(ask(label_selector=f"tag={self.tag}").namespaces), [f"a-{self.tag}", f"b-{self.tag}"])
            self.assertEqual(list(ask(field_selector="metadata.name=default").namespaces), ["default"])
            first = ask(label_selector=f"tag={self.tag}", limit=1)
            rest = ask(label_selector=f"tag={self.tag}", limit=1, **{"continue": getattr(first, "continue")})
            self.assertEqual([*first.namespaces, *rest.namespaces], [f"a-{self.tag}", f"b-{self.tag}"])


class Kubeconfigs(Suite):
    """What a caller sends is somebody else's."""

    def test_not_a_kubeconfig(self):
        for text in ("", "hello", "[1, 2]", "a: b", "{", "kind: Pod\napiVersion: v1\n", "clusters: 7\n", "\x00\x01"):
            with self.subTest(text):
                self.refused(text)
        for raw in ("", "!!!", "YWJj=", "not base64 at all"):
            with self.subTest(raw):
                code, words = code_of(lambda raw=raw: self.provider.stub.GetNodes(pb.GetNodesRequest(kubeconfig_base64=raw), timeout=20))
                self.assertEqual(code, Code.INVALID_ARGUMENT, words)

    def test_without_a_context(self):
        config = self.cluster.kubeconfig()
        del config["current-context"]
        self.refused(config)
        self.refused({**config, "current-context": "other"})

    def test_no_programs(self):
        program = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/usr/bin/touch", "args": [f"/tmp/{self.tag}"], "interactiveMode": "Never"}
        self.refused(self.cluster.kubeconfig({"exec": program}))
        self.refused(self.cluster.kubeconfig({"auth-provider": {"name": "gcp", "config": {"cmd-path": "/usr/bin/touch"}}}))

    def test_no_files(self):
        self.refused(self.cluster.kubeconfig({"tokenFile": "/etc/hostname"}))
        self.refused(self.cluster.kubeconfig({"client-certificate": "/etc/hostname", "client-key": "/etc/hostname"}))
        self.refused(self.cluster.kubeconfig(**{"certificate-authority": "/etc/hostname"}))

    def test_no_link_local_servers(self):
        for host in ("169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "2852039166", "0xa9fea9fe", "metadata.google.internal", "[fd00:ec2::254]"):
            with self.subTest(host):
                self.refused(kubeconfig_of(f"http://{host}"))
        self.refused(kubeconfig_of("https://127.0.0.1:1", **{"proxy-url": "http://169.254.169.254"}))

    def test_no_other_schemes_and_no_credentials_in_the_address(self):
        for server in ("file:///etc/passwd", "ftp://127.0.0.1", "127.0.0.1", f"https://admin:{SECRET}@127.0.0.1", ""):
            with self.subTest(server):
                self.refused(kubeconfig_of(server))

    def test_other_contexts_do_not_matter(self):
        config = self.cluster.kubeconfig()
        config["users"].append({"name": "other", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "none"}}})
        config["contexts"].append({"name": "other", "context": {"cluster": "c", "user": "other"}})
        self.provider.nodes(config)

    def test_too_large(self):
        code, words = code_of(lambda: self.provider.nodes("# " + "x" * (4 << 20)))
        self.assertIn(code, (Code.RESOURCE_EXHAUSTED, Code.INVALID_ARGUMENT), words)
        code, words = code_of(lambda: self.provider.nodes("a: &a [x]\nb: &b [" + "*a," * 1000 + "]\nc: [" + "*b," * 1000 + "]\n"))
        self.assertEqual(code, Code.INVALID_ARGUMENT, words)


class Clusters(Suite):
    """What goes wrong there."""

    def test_refused_credentials(self):
        self.refused(self.cluster.kubeconfig({"token": SECRET}), Code.UNAUTHENTICATED)

    def test_refused_permission(self):
        with self.cluster.namespace(f"sa-{self.tag}") as name_space:
            self.cluster.core.create_namespaced_service_account(name_space, {"metadata": {"name": "weak"}})
            token = self.cluster.core.create_namespaced_service_account_token("weak", name_space, {"spec": {}}).status.token
            self.refused(self.cluster.kubeconfig({"token": token}), Code.PERMISSION_DENIED)

    def test_unreachable(self):
        self.refused(kubeconfig_of(f"https://127.0.0.1:{free_port()}"), Code.UNAVAILABLE)
        self.refused(kubeconfig_of("https://no-such-host.invalid"), Code.UNAVAILABLE)

    def test_untrusted_certificate(self):
        changes = {"certificate-authority-data": None}
        config = self.cluster.kubeconfig(**changes)
        del config["clusters"][0]["cluster"]["certificate-authority-data"]
        self.refused(config, Code.UNAVAILABLE)

    def test_no_api_server(self):
        for body in (b"<html>hello</html>", b"[]", b"{}", b'{"items": 7}'):
            with self.subTest(body), FakeServer(lambda handler, body=body: handler.reply(body)) as server:
                self.refused(server.kubeconfig, Code.UNAVAILABLE)

    def test_redirects_are_not_followed(self):
        with FakeServer(lambda handler: handler.reply(node_list("stolen"))) as elsewhere:
            def away(handler):
                handler.send_response(302)
                handler.send_header("Location", elsewhere.kubeconfig["clusters"][0]["cluster"]["server"] + handler.path)
                handler.send_header("Content-Length", "0")
                handler.end_headers()
            with FakeServer(away) as server:
                code, _ = code_of(lambda: self.provider.nodes(server.kubeconfig))
                self.assertNotEqual(code, Code.OK)
                self.assertEqual(elsewhere.requests, 0)

    def test_a_hang_ends_at_the_callers_deadline(self):
        release = threading.Event()
        with FakeServer(lambda handler: release.wait(30)) as server:
            began = time.monotonic()
            code, words = code_of(lambda: self.provider.nodes(server.kubeconfig, timeout=1.5))
            self.assertEqual(code, Code.DEADLINE_EXCEEDED, words)
            self.assertLess(time.monotonic() - began, 4)
            release.set()

    def test_a_request_that_is_lost_is_sent_again(self):
        release = threading.Event()

        def answer(handler):
            if server.requests == 1:
                release.wait(30)
            handler.reply(node_list("one"))
        with FakeServer(answer) as server:
            self.assertEqual(self.provider.nodes(server.kubeconfig, timeout=6), ["one"])
            release.set()

    def test_an_endless_answer(self):
        def endless(handler):
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Connection", "close")
            handler.end_headers()
            handler.wfile.write(b'{"items": [')
            while True:
                handler.wfile.write(b'{"metadata": {"name": "x"}},' * 10_000)
        with FakeServer(endless) as server:
            code, words = code_of(lambda: self.provider.nodes(server.kubeconfig, timeout=60))
            self.assertEqual(code, Code.RESOURCE_EXHAUSTED, words)

    def test_an_internal_error_once_is_tried_again(self):
        failed = []

        def answer(handler):
            if not failed:
                failed.append(True)
                return handler.reply(b'{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "etcd is moving", "code": 500}', 500)
            return handler.reply(node_list("one"))
        with FakeServer(answer) as server:
            self.assertEqual(self.provider.nodes(server.kubeconfig), ["one"])


class Life(unittest.TestCase):
    def test_a_cancelled_call_lets_go(self):
        release = threading.Event()
        with FakeServer(lambda handler: release.wait(60)) as hung, FakeServer(lambda handler: handler.reply(node_list("n"))) as server, \
                Provider("--calls-max", "1") as provider:
            call = provider.stub.GetNodes.future(pb.GetNodesRequest(kubeconfig_base64=packed(hung.kubeconfig)), timeout=60)
            until("the cluster is asked", lambda: hung.requests == 1)
            self.assertEqual(code_of(lambda: provider.nodes(server.kubeconfig))[0], Code.RESOURCE_EXHAUSTED)
            call.cancel()
            until("there is room again", lambda: code_of(lambda: provider.nodes(server.kubeconfig))[0] == Code.OK, 5)
            release.set()

    def test_a_stop_lets_calls_end(self):
        release = threading.Event()

        def later(handler):
            release.wait(20)
            handler.reply(node_list("late"))
        with FakeServer(later) as server, Provider() as provider:
            call = provider.stub.GetNodes.future(pb.GetNodesRequest(kubeconfig_base64=packed(server.kubeconfig)), timeout=20)
            until("the cluster is asked", lambda: server.requests == 1)
            provider.process.send_signal(signal.SIGTERM)

            def refused():
                before = server.requests
                return code_of(lambda: provider.nodes(server.kubeconfig, timeout=1))[0] != Code.OK and server.requests == before
            until("no new calls reach the cluster", refused)
            release.set()
            self.assertEqual(list(call.result().nodes), ["late"])
            self.assertEqual(provider.process.wait(10), 0, provider.log)

    def test_a_unix_socket(self):
        with FakeServer(lambda handler: handler.reply(node_list("n"))) as server, Provider(listen=f"unix:/tmp/data-provider-{uuid.uuid4().hex}.sock") as provider:
            self.assertEqual(provider.nodes(server.kubeconfig), ["n"])

    def test_there_is_room_again_when_the_answer_is_there(self):
        with FakeServer(lambda handler: handler.reply(node_list("n"))) as server, Provider("--calls-max", "4") as provider, \
                concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: provider.nodes(server.kubeconfig), range(400)))
            self.assertEqual(answers, [["n"]] * 400)

    def test_connections_are_used_again(self):
        connections = set()

        def answer(handler):
            connections.add(handler.client_address)
            handler.reply(node_list("n"))
        with FakeServer(answer) as server, Provider() as provider:
            for _ in range(20):
                provider.nodes(server.kubeconfig)
            self.assertLessEqual(len(connections), 2)

    def test_connections_are_let_go(self):
        def names(handler):
            handler.reply(node_list("n"))
        with FakeServer(names) as one, FakeServer(names) as other:
            with Provider("--cluster-idle-seconds", "1") as provider:
                provider.nodes(one.kubeconfig)
                until("nobody asked for a second", lambda: one.connections == 0, 10)
                self.assertEqual(provider.nodes(one.kubeconfig), ["n"])
            with Provider("--clusters-max", "1") as provider:
                provider.nodes(one.kubeconfig)
                self.assertEqual(one.connections, 1)
                provider.nodes(other.kubeconfig)
                until("the other one took its place", lambda: one.connections == 0, 10)
                self.assertEqual(provider.nodes(one.kubeconfig), ["n"])

    def test_health(self):
        with Provider() as provider:
            health = health_pb2_grpc.HealthStub(provider.channel)
            for service in ("", SERVICE):
                self.assertEqual(health.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status, Health.SERVING)
            self.assertEqual(code_of(lambda: health.Check(health_pb2.HealthCheckRequest(service="other"), timeout=5))[0], Code.NOT_FOUND)

    def test_health_is_watched(self):
        with Provider() as provider:
            health = health_pb2_grpc.HealthStub(provider.channel)

            def watch(service):
                return health.Watch(health_pb2.HealthCheckRequest(service=service), timeout=20)
            gone, unknown, watches = watch(""), watch("other"), [watch(""), watch(SERVICE)]
            self.assertEqual(next(gone).status, Health.SERVING)
            gone.cancel()
            self.assertEqual(next(unknown).status, Health.SERVICE_UNKNOWN)
            for one in watches:
                self.assertEqual(next(one).status, Health.SERVING)
            provider.process.send_signal(signal.SIGTERM)
            for one in watches:
                self.assertEqual(next(one).status, Health.NOT_SERVING)
                one.cancel()
            unknown.cancel()
            self.assertEqual(provider.process.wait(10), 0, provider.log)

    def test_open_watches_have_a_limit(self):
        with Provider() as provider:
            # Channels with the same arguments would share a connection, which has a limit of its own.
            channels = [grpc.insecure_channel(provider.address, [("number", number)]) for number in range(2)]

            def watch(channel):
                return health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60 * PATIENCE)
            try:
                watches = [watch(channels[number % 2]) for number in range(STREAMS_MAX)]
                for one in watches:
                    self.assertEqual(next(one).status, Health.SERVING)
                code, words = code_of(lambda: next(watch(provider.channel)))
                self.assertEqual(code, Code.RESOURCE_EXHAUSTED)
                self.assertIn("streams_max", words)
                watches[0].cancel()
                until("there is room again", lambda: code_of(lambda: next(watch(provider.channel)))[0] == Code.OK)
            finally:
                for channel in channels:
                    channel.close()

    def test_watches_come_and_go(self):
        with Provider() as provider:
            health = health_pb2_grpc.HealthStub(provider.channel)

            def come_and_go(_):
                watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=20 * PATIENCE)
                status = next(watch).status
                watch.cancel()
                return status
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                self.assertEqual([Health.SERVING] * 1000, list(pool.map(come_and_go, range(1000))))
            self.assertEqual(health.Check(health_pb2.HealthCheckRequest(), timeout=20 * PATIENCE).status, Health.SERVING)

    def ask(self, provider, *questions):
        """Over one stream; an answer to each question, in their order."""
        stub = reflection_pb2_grpc.ServerReflectionStub(provider.channel)
        answers = list(stub.ServerReflectionInfo(iter([Question(host="h", **question) for question in questions]), timeout=5))
        self.assertEqual([answer.original_request for answer in answers], [Question(host="h", **question) for question in questions])
        return answers

    def test_reflection_describes_each_service(self):
        with Provider() as provider:
            names = [service.name for service in self.ask(provider, {"list_services": ""})[0].list_services_response.service]
            self.assertEqual(sorted(names), [SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"])
            methods = {SERVICE: ["GetNodes", "GetPods", "GetNamespaces", "ExecuteKubectl"], "grpc.health.v1.Health": ["Check", "Watch"],
                       "grpc.reflection.v1alpha.ServerReflection": ["ServerReflectionInfo"]}
            for name, answer in zip(names, self.ask(provider, *({"file_containing_symbol": name} for name in names))):
                files = [FileDescriptorProto.FromString(file) for file in answer.file_descriptor_response.file_descriptor_proto]
                self.assertEqual(len({file.name for file in files}), len(files))
                services = {f"{file.package}.{service.name}": [method.name for method in service.method] for file in files for service in file.service}
                self.assertLessEqual(set(methods[name]), set(services[name]))
                again = self.ask(provider, {"file_by_filename": files[0].name})[0]
                self.assertEqual(again.file_descriptor_response, answer.file_descriptor_response)

    def test_reflection_does_not_know(self):
        unknown = ({"file_containing_symbol": "no.such.Thing"}, {"file_by_filename": "none.proto"}, {"all_extension_numbers_of_type": "no.such.Thing"},
                   {"file_containing_extension": {"containing_type": "no.such.Thing", "extension_number": 1}},
                   {"file_containing_extension": {"containing_type": "dataprovider.GetNodesRequest", "extension_number": 1}})
        with Provider() as provider:
            answers = self.ask(provider, *unknown, {"file_containing_symbol": SERVICE})
            for answer in answers[:-1]:
                self.assertEqual(answer.error_response.error_code, Code.NOT_FOUND.value[0], answer)
            self.assertEqual(len(answers[-1].file_descriptor_response.file_descriptor_proto), 1)
            none = self.ask(provider, {"all_extension_numbers_of_type": "dataprovider.GetNodesRequest"})[0].all_extension_numbers_response
            self.assertEqual((none.base_type_name, list(none.extension_number)), ("dataprovider.GetNodesRequest", []))

    def test_commands_are_off(self):
        with Provider() as provider:
            request = pb.ExecuteKubectlRequest(kubeconfig_base64=packed(kubeconfig_of("https://127.0.0.1:1")), command="version")
            self.assertEqual(code_of(lambda: provider.stub.ExecuteKubectl(request, timeout=5))[0], Code.UNIMPLEMENTED)

    def test_no_secret_is_written(self):
        with Provider("--log-level", "debug") as provider:
            for server in ("https://127.0.0.1:1", "http://169.254.169.254", f"https://a:{SECRET}@host", "nonsense"):
                config = kubeconfig_of(server)
                _, words = code_of(lambda config=config: provider.nodes(config))
                self.assertNotIn(SECRET, words)
                broken = json.dumps(config)[:-20]
                _, words = code_of(lambda broken=broken: provider.nodes(broken))
                self.assertNotIn(SECRET, words)
                self.assertNotIn(packed(config)[:40], provider.log)
            self.assertNotIn(SECRET, provider.log)
            self.assertIn("GetNodes", provider.log)



if __name__ == "__main__":
    unittest.main(verbosity=2)

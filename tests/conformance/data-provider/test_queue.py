"""Of the data provider in C++: one thread serves every call, and what is open beside the calls has a limit."""

import base64
import pathlib
import signal
import unittest

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from provider import FakeServer, Provider, STREAMS_MAX, code_of, packed, pb, rpc, until

STREAMS_PER_CONNECTION = 48  # fewer than a connection may have
LARGE = 20  # kubeconfigs of nearly a megabyte each
Code = grpc.StatusCode


def large_kubeconfig(number):
    entries = "".join(f"- {{name: cluster-{number}-{i}, cluster: {{server: 'https://127.0.0.1:1'}}}}\n" for i in range(14_000))
    return base64.b64encode(f"apiVersion: v1\nkind: Config\nclusters:\n{entries}".encode()).decode()


def threads(provider):
    return sorted((task / "comm").read_text().strip() for task in pathlib.Path(f"/proc/{provider.process.pid}/task").iterdir())


class Queue(unittest.TestCase):
    def watch(self, channel):
        return health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)

    def reflect(self, channel, questions=(reflection_pb2.ServerReflectionRequest(list_services=""),)):
        return list(reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter(questions), timeout=10))

    def test_one_thread_serves_all(self):
        with Provider() as provider:
            self.reflect(provider.channel)
            next(self.watch(provider.channel))
            names = threads(provider)
            self.assertEqual(names.count("calls"), 1, names)
            self.assertFalse([name for name in names if name.startswith(("grpcpp_sync", "nexting"))], names)

    def test_streams_of_reflection_count_among_the_watches(self):
        with Provider() as provider:
            # Channels with the same arguments would share a connection.
            channels = [grpc.insecure_channel(provider.address, [("number", number)]) for number in range(2)]
            try:
                watches = [self.watch(channels[number // STREAMS_PER_CONNECTION]) for number in range(STREAMS_MAX)]
                for watch in watches:
                    next(watch)
                code, words = code_of(lambda: self.reflect(provider.channel))
                self.assertEqual(code, Code.RESOURCE_EXHAUSTED)
                self.assertIn("streams_max", words)
                watches[0].cancel()
                until("there is room again", lambda: code_of(lambda: self.reflect(provider.channel))[0] == Code.OK)
            finally:
                for channel in channels:
                    channel.close()

    def test_a_caller_who_goes_without_a_word_is_let_go(self):
        with Provider() as provider:
            for _ in range(3 * STREAMS_MAX):
                with grpc.insecure_channel(provider.address, [("number", 1)]) as channel:
                    next(self.watch(channel))
            until("there is room", lambda: code_of(lambda: self.reflect(provider.channel))[0] == Code.OK)

    def test_large_kubeconfigs_hold_up_nobody(self):
        with Provider() as provider, grpc.insecure_channel(provider.address, [("number", 1)]) as channel:
            stub, health = rpc.DataProviderServiceStub(channel), health_pb2_grpc.HealthStub(provider.channel)
            calls = [stub.GetNodes.future(pb.GetNodesRequest(kubeconfig_base64=large_kubeconfig(number)), timeout=120) for number in range(LARGE)]
            answered = 0
            while not all(call.done() for call in calls):
                health.Check(health_pb2.HealthCheckRequest(), timeout=10)
                answered += 1
            self.assertEqual({call.code() for call in calls}, {Code.INVALID_ARGUMENT})
        # If each had to wait for a large one, there would be one answer for each of these.
        self.assertGreater(answered, 3 * LARGE)

    def test_a_stop_cuts_off_what_takes_too_long(self):
        hang = []

        def never(handler):
            hang.append(handler)
            handler.rfile.read(1)
        with FakeServer(never) as server, Provider("--drain-seconds", "0") as provider:
            ask = provider.stub.GetNodes.future(pb.GetNodesRequest(kubeconfig_base64=packed(server.kubeconfig)), timeout=60)
            watch = self.watch(provider.channel)
            next(watch)
            until("the cluster is asked", lambda: hang)
            provider.process.send_signal(signal.SIGTERM)
            self.assertEqual(provider.process.wait(10), 0, provider.log)
            self.assertNotEqual(code_of(ask.result)[0], Code.OK)
            with self.assertRaises(grpc.RpcError):
                # It is told when there is time for that, and cut off either way.
                self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.NOT_SERVING)
                next(watch)


if __name__ == "__main__":
    unittest.main()

"""Of the data provider in C++: calls for one cluster's nodes at nearly the same time cost its API server one list."""

import concurrent.futures
import json
import threading
import time
import unittest

from provider import FakeServer, Provider, code_of, kubeconfig_of, pb, packed, until

AGE = {"OPERON_DATA_PROVIDER_NODES_MAX_AGE_MS": "60000"}
CALLERS = 50


def node_list(*names):
    return json.dumps({"kind": "NodeList", "apiVersion": "v1", "items": [{"metadata": {"name": name}} for name in names]}).encode()


class SharedNodes(unittest.TestCase):
    def test_callers_at_once_and_soon_after(self):
        release = threading.Event()

        def answer(handler):
            release.wait(20)
            handler.reply(node_list("n"))
        with FakeServer(answer) as server, Provider(env=AGE) as provider, concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
            answers = [pool.submit(provider.nodes, server.kubeconfig) for _ in range(CALLERS)]
            until("the cluster is asked", lambda: server.requests == 1)
            release.set()
            self.assertEqual([answer.result() for answer in answers], [["n"]] * CALLERS)
            self.assertEqual(provider.nodes(server.kubeconfig), ["n"])
            self.assertEqual(server.requests, 1)

    def test_an_answer_gets_no_older_than_the_flag_says(self):
        with FakeServer(lambda handler: handler.reply(node_list(str(server.requests)))) as server, Provider("--nodes-max-age-ms", "300") as provider:
            asked = []
            while server.requests < 3:
                began = time.monotonic()
                number = int(provider.nodes(server.kubeconfig)[0])
                asked.append((number, began, time.monotonic()))
            for number in (1, 2):
                first_answer = min(answered for n, _, answered in asked if n == number)
                self.assertLess(max(began for n, began, _ in asked if n == number) - first_answer, 0.3)

    def test_the_same_cluster_with_other_credentials_is_asked_itself(self):
        with FakeServer(lambda handler: handler.reply(node_list(handler.headers["Authorization"]))) as server, Provider(env=AGE) as provider:
            url = server.kubeconfig["clusters"][0]["cluster"]["server"]
            for token in ("one", "two"):
                self.assertEqual(provider.nodes(kubeconfig_of(url, {"token": token})), [f"Bearer {token}"])

    def test_a_failure_is_not_kept(self):
        def answer(handler):
            handler.reply(*(((b'{"kind": "Status", "code": 403, "message": "no"}', 403)) if server.requests == 1 else (node_list("n"),)))
        with FakeServer(answer) as server, Provider(env=AGE) as provider:
            self.assertEqual(code_of(lambda: provider.nodes(server.kubeconfig))[0].name, "PERMISSION_DENIED")
            self.assertEqual(provider.nodes(server.kubeconfig), ["n"])

    def test_who_has_less_time_does_not_end_the_others(self):
        release = threading.Event()

        def answer(handler):
            release.wait(20)
            handler.reply(node_list("n"))
        with FakeServer(answer) as server, Provider(env=AGE) as provider:
            ask = provider.stub.GetNodes.future
            request = pb.GetNodesRequest(kubeconfig_base64=packed(server.kubeconfig))
            hasty = ask(request, timeout=2)
            until("the cluster is asked", lambda: server.requests == 1)
            patient = ask(request, timeout=20)
            self.assertEqual(code_of(hasty.result)[0].name, "DEADLINE_EXCEEDED")
            release.set()
            self.assertEqual(list(patient.result().nodes), ["n"])


if __name__ == "__main__":
    unittest.main()

"""Runs as pods of a real cluster, from POST to the removal of the last object. $KUBECONFIG is the cluster's."""

import base64
import json
import unittest

from operon_harness import until
from pods_harness import IMAGE, Followed, PodTest, get, kubectl


class Runs(PodTest):
    def test_a_run_succeeds_and_its_log_is_followed(self):
        with self.host() as host:
            job = self.run_script(host, "for i in $(seq 1 5); do echo line $i; sleep 0.2; done; echo err >&2")
            followed = Followed(host, job)
            ended = host.wait_ended(job, seconds=60)
            self.assertEqual(ended["status"], "Succeeded", ended)
            self.assertIn("startTime", ended)
            self.assertIn("completionTime", ended)
            self.assertEqual(followed.end(), b"line 1\nline 2\nline 3\nline 4\nline 5\nerr\n")
            self.assertEqual(host.logs(job, "?tailLines=2"), b"line 5\nerr\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)

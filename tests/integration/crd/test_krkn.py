#!/usr/bin/env python3
"""krkn-operator's three custom resources: what its programs and users write is taken as it is, and what cannot be right is refused with a reason."""
import os
import unittest

from kubectl import CRD, CrdTest, changed, has_cel, kubectl, main, server_minor

GROUP = "krkn.krkn-chaos.dev/v1alpha1"
UUID = "0b9f4a52-8c5e-4e0e-9d0e-2f6d8c1b7a10"
REQUEST = {"apiVersion": GROUP, "kind": "KrknTargetRequest", "metadata": {"name": UUID}, "spec": {"uuid": UUID}}
PROVIDER = {"apiVersion": GROUP, "kind": "KrknOperatorTargetProvider", "metadata": {"name": "acm"}, "spec": {"operator-name": "krkn-operator-acm", "active": True}}
TARGET = {"apiVersion": GROUP, "kind": "KrknOperatorTarget", "metadata": {"name": "production"},
          "spec": {"uuid": UUID, "clusterName": "production", "clusterAPIURL": "https://api.example.org:6443", "secretType": "token", "secretUUID": UUID}}
OPENAPI_3_SINCE = 24
CLUSTER = {"cluster-name": "spoke-1", "cluster-api-url": "https://spoke-1.example.org:6443"}


def named(thing, name):
    return {**thing, "metadata": {"name": name}}


class Accepted(CrdTest):
    def test_samples(self):
        for thing in (REQUEST, PROVIDER, TARGET, changed(TARGET, secretType="kubeconfig", clusterAPIURL=None), changed(TARGET, secretType="credentials"),
                      changed(TARGET, caBundle="LS0t", insecureSkipTLSVerify=True), changed(PROVIDER, active=None)):
            with self.subTest(thing=thing):
                self.assert_accepted(thing)

    def test_defaults(self):
        self.assertIs(True, self.create(named(changed(PROVIDER, active=None), "defaults"))["spec"]["active"])
        self.assertIs(False, self.create(named(TARGET, "defaults"))["spec"]["insecureSkipTLSVerify"])

    def test_short_names(self):
        for kind in ("ktr", "kotp", "kot"):
            with self.subTest(kind=kind):
                self.in_namespace("get", kind)


class Refused(CrdTest):
    TABLE = (
        (changed(REQUEST, uuid=None), "spec.uuid: Required value"),
        (changed(REQUEST, uuid=7), "spec.uuid in body must be of type string"),
        (changed(PROVIDER, operator_name=None), "spec.operator-name: Required value"),
        (changed(PROVIDER, active="yes"), "spec.active in body must be of type boolean"),
        (changed(TARGET, uuid=None), "spec.uuid: Required value"),
        (changed(TARGET, clusterName=None), "spec.clusterName: Required value"),
        (changed(TARGET, secretType=None), "spec.secretType: Required value"),
        (changed(TARGET, secretUUID=None), "spec.secretUUID: Required value"),
        (changed(TARGET, secretType="password"), 'Unsupported value: "password": supported values: "'),
        (changed(TARGET, insecureSkipTLSVerify="no"), "spec.insecureSkipTLSVerify in body must be of type boolean"),
    )
    RULES = (
        (changed(TARGET, clusterAPIURL=None), "clusterAPIURL is required when secretType is token or credentials"),
        (changed(TARGET, clusterAPIURL=""), "clusterAPIURL is required when secretType is token or credentials"),
    )

    def test_by_the_schema(self):
        for thing, message in self.TABLE:
            with self.subTest(message=message, spec=thing["spec"]):
                self.assert_refused(thing, message)

    def test_by_rules(self):
        for thing, message in self.RULES:
            with self.subTest(message=message, spec=thing["spec"]):
                if has_cel():
                    self.assert_refused(thing, message)
                else:
                    self.assert_accepted(thing)

    def test_what_identifies_cannot_change(self):
        if not has_cel():
            self.skipTest("the server knows no rules")
        for kind, thing, change in (("ktr", REQUEST, {"uuid": "other"}), ("kotp", PROVIDER, {"operator-name": "other"}), ("kot", TARGET, {"uuid": "other"})):
            with self.subTest(kind=kind):
                self.create(thing)
                self.assertIn("cannot change; make a new", self.patch(kind, thing["metadata"]["name"], {"spec": change}, fine=False).stderr)

    def test_a_status_that_makes_no_sense(self):
        self.create(named(REQUEST, "status"))
        for status, message in (({"targetData": {"acm": [{"cluster-name": "x"}]}}, "cluster-api-url: Required value"),
                                ({"completed": "yesterday"}, "must be of type date-time"),
                                ({"conditions": [{"type": "Partial"}]}, "Required value")):
            with self.subTest(status=status):
                self.assertIn(message, self.patch("ktr", "status", {"status": status}, "--subresource=status", fine=False).stderr)


class AsUpstreamWrites(CrdTest):
    """Byte for byte what clients built on krkn-operator's Go types send."""

    def test_an_external_provider_fills_a_request(self):
        self.create({**REQUEST, "metadata": {"name": UUID, "labels": {"krkn.krkn-chaos.dev/uuid": UUID}}, "status": {}})
        status = {"status": "Completed", "completed": "2026-11-21T10:00:00Z", "created": "2026-11-21T09:59:58Z",
                  "targetData": {"krkn-operator": [CLUSTER], "krkn-operator-acm": [CLUSTER, {**CLUSTER, "cluster-name": "spoke-2"}]}}
        self.patch("ktr", UUID, {"status": {"status": "pending", "targetData": {"krkn-operator": [CLUSTER]}}}, "--subresource=status")
        self.patch("ktr", UUID, {"status": status}, "--subresource=status")
        stored = self.get("ktr", UUID)
        self.assertEqual(status, stored["status"])
        self.assertEqual({"uuid": UUID}, stored["spec"])

    def test_status_is_written_through_its_subresource_only(self):
        self.create(named(REQUEST, "sub"))
        self.patch("ktr", "sub", {"status": {"status": "Completed"}})
        self.assertNotIn("status", self.get("ktr", "sub"))

    def test_two_providers_do_not_overwrite_each_other(self):
        self.create(named(REQUEST, "two"))
        for name in ("krkn-operator", "krkn-operator-acm"):
            self.patch("ktr", "two", {"status": {"targetData": {name: [CLUSTER]}}}, "--subresource=status")
        self.assertEqual({"krkn-operator", "krkn-operator-acm"}, set(self.get("ktr", "two")["status"]["targetData"]))

    def test_the_empty_answer_of_a_go_program_is_an_answer(self):
        self.create(named(REQUEST, "empty"))
        thing = self.get("ktr", "empty")
        thing["status"] = {"targetData": {"krkn-operator-acm": None, "krkn-operator": []}}
        # As a program writes it: kubectl would judge by itself, for servers before 1.25, and knows no null.
        self.in_namespace("replace", "--subresource=status", "--validate=false", "-f", "-", given=thing)
        self.assertEqual({"krkn-operator-acm": None, "krkn-operator": []}, self.get("ktr", "empty")["status"]["targetData"])

    def test_what_later_providers_add_to_a_cluster_is_kept(self):
        cluster = {**CLUSTER, "online": True, "checked-at": "2026-11-21T10:00:00Z"}
        self.create(named(REQUEST, "later"))
        self.patch("ktr", "later", {"status": {"targetData": {"krkn-operator-acm": [cluster]}}}, "--subresource=status")
        self.assertEqual([cluster], self.get("ktr", "later")["status"]["targetData"]["krkn-operator-acm"])

    def test_a_provider_with_the_zero_time_of_go_and_its_heartbeat(self):
        self.create({**named(PROVIDER, "beat"), "status": {"timestamp": None}})
        self.patch("kotp", "beat", {"status": {"timestamp": "2026-11-21T10:00:30Z"}}, "--subresource=status")
        self.patch("kotp", "beat", {"spec": {"active": False}})
        stored = self.get("kotp", "beat")
        self.assertEqual(({"operator-name": "krkn-operator-acm", "active": False}, {"timestamp": "2026-11-21T10:00:30Z"}), (stored["spec"], stored["status"]))

    def test_a_target(self):
        self.create({**named(TARGET, "target"), "status": {"ready": True, "lastUpdated": None}})
        self.patch("kot", "target", {"status": {"lastUpdated": "2026-11-21T10:00:00Z"}}, "--subresource=status")
        stored = self.get("kot", "target")
        self.assertEqual({**TARGET["spec"], "insecureSkipTLSVerify": False}, stored["spec"])
        self.assertEqual({"ready": True, "lastUpdated": "2026-11-21T10:00:00Z"}, stored["status"])

    def test_applied_by_kubectl_over_what_is_there(self):
        self.create(named(PROVIDER, "applied"))
        self.in_namespace("apply", "-f", "-", given=changed(named(PROVIDER, "applied"), active=False))
        self.assertIs(False, self.get("kotp", "applied")["spec"]["active"])


@unittest.skipUnless(os.environ.get("OPERON_OWN_CLUSTER"), "the cluster is not the tests' own")
class FromBefore(CrdTest):
    def test_an_object_that_a_newer_rule_would_refuse_still_lives(self):
        if server_minor() < 30:
            self.skipTest("the server judges what did not change as well")
        kubectl("apply", "-k", CRD / "without-cel")
        try:
            self.create(changed(TARGET, clusterAPIURL=None))
        finally:
            kubectl("apply", "-k", CRD / "bases")
        self.assert_refused_soon(named(changed(TARGET, clusterAPIURL=None), "twin"), "clusterAPIURL is required")
        self.patch("kot", "production", {"status": {"ready": False}}, "--subresource=status")
        self.patch("kot", "production", {"metadata": {"labels": {"team": "a"}}})
        self.assertIs(False, self.get("kot", "production")["status"]["ready"])

    def assert_refused_soon(self, thing, message):
        """The server takes a changed definition up after a moment."""
        for _ in range(100):
            if self.in_namespace("create", "--dry-run=server", "-f", "-", given=thing, fine=None).returncode:
                break
        self.assert_refused(thing, message)


class Shown(CrdTest):
    def test_columns(self):
        for thing in (REQUEST, PROVIDER, TARGET):
            self.create(thing)
        self.assert_columns("ktr", ["Name", "Status", "UUID", "Age"])
        self.assert_columns("kotp", ["Name", "Operator", "Active", "Last Heartbeat", "Age"])
        self.assert_columns("kot", ["Name", "Cluster", "API URL", "Type", "Ready", "Age"])
        self.patch("ktr", UUID, {"status": {"status": "Completed"}}, "--subresource=status")
        self.assertRegex(self.in_namespace("get", "ktr").stdout, rf"(?m)^{UUID} +Completed +{UUID} +\d+s$")

    def test_explain(self):
        # What may be null has no members in OpenAPI 2, which is all that older servers tell.
        self.assert_explained("krkntargetrequests", "uuid", "targetData", *(["cluster-api-url"] if server_minor() >= OPENAPI_3_SINCE else []))
        self.assert_explained("krknoperatortargetproviders", "operator-name", "timestamp")
        self.assert_explained("krknoperatortargets", "secretType", "lastUpdated")
        self.assertIn("POST /targets makes one;", " ".join(kubectl("explain", "ktr").stdout.split()))


if __name__ == "__main__":
    main()

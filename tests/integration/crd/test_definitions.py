#!/usr/bin/env python3
"""The definitions as such: structural, described down to the last member, and the same without rules for old servers."""
import json

from kubectl import CRD, DEFINITIONS, CrdTest, kubectl, main, rendered, undescribed


def by_name(folder):
    return {thing["metadata"]["name"]: thing for thing in rendered(CRD / folder)}


def without_rules(node):
    if isinstance(node, dict):
        return {name: without_rules(member) for name, member in node.items() if name != "x-kubernetes-validations"}
    return [without_rules(member) for member in node] if isinstance(node, list) else node


class Definitions(CrdTest):
    def test_the_server_finds_them_structural(self):
        for name in DEFINITIONS:
            conditions = {c["type"]: (c["status"], c.get("message")) for c in json.loads(kubectl("get", "crd", name, "-o", "json").stdout)["status"]["conditions"]}
            self.assertEqual("True", conditions["Established"][0], name)
            self.assertEqual("True", conditions["NamesAccepted"][0], name)
            self.assertNotEqual("True", conditions.get("NonStructuralSchema", ("False",))[0], conditions)

    def test_the_overlay_without_rules_differs_in_nothing_else(self):
        whole, bare = by_name("bases"), by_name("without-cel")
        self.assertEqual(set(DEFINITIONS), set(whole))
        self.assertNotIn("x-kubernetes-validations", json.dumps(bare), "name the new rule's path in api/crd/without-cel/kustomization.yaml")
        expected = {name: without_rules(thing) for name, thing in whole.items()}
        # What has a default: kubectl, which judges by itself what servers without rules get, would ask for it.
        provider = expected["krknoperatortargetproviders.krkn.krkn-chaos.dev"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        provider["required"].remove("active")
        self.assertTrue(provider["properties"]["active"]["default"])
        self.assertEqual(expected, bare)

    def test_every_member_is_described(self):
        for name, thing in by_name("bases").items():
            self.assertEqual([], undescribed(thing["spec"]["versions"][0]["schema"]["openAPIV3Schema"]), name)


if __name__ == "__main__":
    main()

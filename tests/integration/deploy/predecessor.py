"""What krkn-operator leaves in a cluster: its custom resources, its Deployment and the objects that its users and itself have made, in the shapes of its
published API. Its program is not here: in its Deployment's place a pod runs that does nothing."""
import base64
import datetime
import json

GROUP = "krkn.krkn-chaos.dev"
MANAGER = "krkn-operator-controller-manager"
SELECTOR = {"control-plane": "controller-manager"}  # of its own making: ours has one more
TEXT, FLAG, TIME = {"type": "string"}, {"type": "boolean"}, {"type": "string", "format": "date-time"}
KINDS = {
    ("KrknTargetRequest", "krkntargetrequests"): (
        {"uuid": TEXT}, ["uuid"],
        {"status": TEXT, "created": TIME, "completed": TIME,
         "targetData": {"type": "object", "additionalProperties": {"type": "array", "items": {
             "type": "object", "required": ["cluster-name", "cluster-api-url"], "properties": {"cluster-name": TEXT, "cluster-api-url": TEXT}}}}}),
    ("KrknOperatorTargetProvider", "krknoperatortargetproviders"): (
        {"operator-name": TEXT, "active": {**FLAG, "default": True}}, ["operator-name", "active"], {"timestamp": TIME}),
    ("KrknOperatorTarget", "krknoperatortargets"): (
        {"uuid": TEXT, "clusterName": TEXT, "clusterAPIURL": TEXT, "secretType": {**TEXT, "enum": ["kubeconfig", "token", "credentials"]}, "secretUUID": TEXT,
         "caBundle": TEXT, "insecureSkipTLSVerify": {**FLAG, "default": False}}, ["uuid", "clusterName", "secretType", "secretUUID"],
        {"ready": FLAG, "lastUpdated": TIME}),
}


def time(seconds_ago=0):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def b64(text):
    return base64.b64encode(text.encode()).decode()


def custom_resources():
    for (kind, plural), (spec, required, status) in KINDS.items():
        schema = {"type": "object", "properties": {"apiVersion": TEXT, "kind": TEXT, "metadata": {"type": "object"},
                                                   "spec": {"type": "object", "properties": spec, "required": required},
                                                   "status": {"type": "object", "properties": status}}}
        yield {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.{GROUP}"},
               "spec": {"group": GROUP, "scope": "Namespaced", "names": {"kind": kind, "listKind": kind + "List", "plural": plural, "singular": kind.lower()},
                        "versions": [{"name": "v1alpha1", "served": True, "storage": True, "subresources": {"status": {}},
                                      "schema": {"openAPIV3Schema": schema}}]}}


def deployment(image):
    pod = {"metadata": {"labels": SELECTOR},
           "spec": {"containers": [{"name": "manager", "image": image, "imagePullPolicy": "IfNotPresent",
                                    "env": [{"name": "SCRIPT", "value": "while true; do sleep 1; done"}]}]}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": MANAGER}, "spec": {"replicas": 1, "selector": {"matchLabels": SELECTOR}, "template": pod}}


def resource(kind, name, **more):
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": {"name": name}, **more}


def provider(name):
    return resource("KrknOperatorTargetProvider", name, spec={"operator-name": name, "active": True})


def target(name, server, kubeconfig):
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{name}-secret", "labels": {"krkn-target-uuid": name}},
           "stringData": {"kubeconfig": json.dumps({"kubeconfig": b64(kubeconfig)})}}
    yield resource("KrknOperatorTarget", name, spec={"uuid": name, "clusterName": name, "clusterAPIURL": server, "secretType": "kubeconfig",
                                                     "secretUUID": f"{name}-secret"})


def completed_request(name, cluster, server, kubeconfig):
    """The object, its status and its Secret."""
    yield resource("KrknTargetRequest", name, spec={"uuid": name})
    yield {"status": {"status": "Completed", "created": time(100), "completed": time(90),
                      "targetData": {"krkn-operator": [{"cluster-name": cluster, "cluster-api-url": server}]}}}
    clusters = {"krkn-operator": {cluster: {"cluster-name": cluster, "cluster-api": server, "kubeconfig": b64(kubeconfig)}}}
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"managed-clusters": json.dumps(clusters)}}


def scenario_pod(job, image, request, cluster):
    labels = {"app": "krkn-scenario", "krkn-job-id": job, "krkn-scenario-name": "old", "krkn-target-id": request, "krkn-cluster-name": cluster}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"krkn-job-{job}", "labels": labels},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "scenario", "image": image, "imagePullPolicy": "IfNotPresent",
                                                               "env": [{"name": "SCRIPT", "value": "while true; do sleep 1; done"}]}]}}

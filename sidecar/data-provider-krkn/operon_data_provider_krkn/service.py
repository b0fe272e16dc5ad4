"""The RPCs of proto/dataprovider.proto."""

import logging
import re
import threading
import time

import grpc
import urllib3

from . import dataprovider_pb2 as pb
from . import dataprovider_pb2_grpc as rpc
from .cluster import PAGE_NAMES_DEFAULT, PAGE_NAMES_MAX, Answered, DeadlineExceeded, NoApiServer
from .connection import Call, Cancelled, TooLarge
from .kubeconfig import Refused

CALL_SECONDS_DEFAULT = 30
CALL_SECONDS_MAX = 300
MESSAGE_MAX = 1024
NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
Code = grpc.StatusCode
CODES = {400: Code.INVALID_ARGUMENT, 401: Code.UNAUTHENTICATED, 403: Code.PERMISSION_DENIED, 404: Code.NOT_FOUND, 410: Code.OUT_OF_RANGE,
         422: Code.INVALID_ARGUMENT, 429: Code.RESOURCE_EXHAUSTED}
log = logging.getLogger("data-provider")


def status_of(error, call, deadline):
    """gRPC's code and words for what went wrong. Words of libraries are not passed on: they repeat what was sent."""
    if isinstance(error, grpc.RpcError):
        return error.code(), error.details()
    if isinstance(error, Refused):
        return Code.INVALID_ARGUMENT, str(error)
    if isinstance(error, DeadlineExceeded) or time.monotonic() >= deadline:
        return Code.DEADLINE_EXCEEDED, "the cluster did not answer in time"
    if isinstance(error, Cancelled) or call.cancelled:
        return Code.CANCELLED, "cancelled"
    if isinstance(error, TooLarge):
        return Code.RESOURCE_EXHAUSTED, str(error)
    if isinstance(error, Answered):
        return CODES.get(error.status, Code.UNAVAILABLE if error.status >= 500 else Code.UNKNOWN), str(error)
    if isinstance(error, NoApiServer):
        return Code.UNAVAILABLE, str(error)
    if isinstance(error, (urllib3.exceptions.HTTPError, OSError)):
        return Code.UNAVAILABLE, f"the cluster cannot be reached: {type(error).__name__}"
    log.error("a call failed: %s", type(error).__name__)
    return Code.INTERNAL, "the data provider failed; its log says why"


class Invalid(Refused):
    """A field that cannot be one."""


class Service(rpc.DataProviderServiceServicer):
    def __init__(self, clusters, calls_max):
        self.clusters, self.calls_max = clusters, calls_max
        self.room = threading.Semaphore(calls_max)

    def _answer(self, context, method, request, work):
        began = time.monotonic()
        if not self.room.acquire(blocking=False):
            context.abort(Code.RESOURCE_EXHAUSTED, f"{self.calls_max} calls are going on already; try again later")
        timer = None
        try:
            left = context.time_remaining()
            seconds = CALL_SECONDS_DEFAULT if left is None or left > 1e9 else min(left, CALL_SECONDS_MAX)
            deadline = began + seconds
            with Call() as call:
                if not context.add_callback(call.cancel):
                    call.cancel()
                timer = threading.Timer(seconds, call.cancel)
                timer.daemon = True
                timer.start()
                try:
                    cluster = self.clusters.get(request.kubeconfig_base64)
                    cluster.call.call, cluster.call.deadline = call, deadline
                    answer = work(cluster)
                    log.debug("%s OK %.0f ms", method, 1000 * (time.monotonic() - began))
                    return answer
                except Exception as error:
                    code, words = status_of(error, call, deadline)
        finally:
            if timer is not None:
                timer.cancel()
            self.room.release()
        log.info("%s %s %.0f ms: %s", method, code.name, 1000 * (time.monotonic() - began), words)
        context.abort(code, words[:MESSAGE_MAX])

    def GetNodes(self, request, context):
        return self._answer(context, "GetNodes", request, lambda cluster: pb.GetNodesResponse(nodes=cluster.list_nodes()))

    @staticmethod
    def _options(request):
        if request.limit < 0:
            raise Invalid("limit: must not be negative")
        options = {"limit": min(request.limit or PAGE_NAMES_DEFAULT, PAGE_NAMES_MAX)}
        for name, value in (("label_selector", request.label_selector), ("field_selector", request.field_selector), ("_continue", getattr(request, "continue"))):
            if value:
                options[name] = value
        return options

    def GetPods(self, request, context):
        def work(cluster):
            options = self._options(request)
            if request.namespace and not NAMESPACE.fullmatch(request.namespace):
                raise Invalid("namespace: is none")
            page = cluster.page(cluster.cli.list_namespaced_pod, request.namespace, **options) if request.namespace else \
                cluster.page(cluster.cli.list_pod_for_all_namespaces, **options)
            return pb.GetPodsResponse(names=[item.metadata.name for item in page.items], namespaces=[item.metadata.namespace for item in page.items],
                                      **{"continue": page.metadata._continue})
        return self._answer(context, "GetPods", request, work)

    def GetNamespaces(self, request, context):
        def work(cluster):
            page = cluster.page(cluster.cli.list_namespace, **self._options(request))
            return pb.GetNamespacesResponse(namespaces=[item.metadata.name for item in page.items], **{"continue": page.metadata._continue})
        return self._answer(context, "GetNamespaces", request, work)

    def ExecuteKubectl(self, request, context):
        context.abort(Code.UNIMPLEMENTED, "kubectl is not run here; operon-data-provider runs allowed commands")

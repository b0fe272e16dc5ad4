"""The health service of grpc_health, for callers who come and go."""

import concurrent.futures
import threading

import grpc
from grpc_health.v1 import health, health_pb2

STREAMS_MAX = 64  # as in the C++ data provider, of Watch alone: reflection has the threads of the calls
UNKNOWN = "?"  # stands for every name that is not served: the base never forgets a name


class Caller:
    """What the base asks of a call's context: to be told when it ends, also when it has ended already."""

    def __init__(self, context):
        self._context = context

    def add_callback(self, callback):
        if not self._context.add_callback(callback):
            callback()


class WatchedHealth(health.HealthServicer):
    """Each watch has a thread of its own until its caller leaves; at most STREAMS_MAX, more are refused with RESOURCE_EXHAUSTED. A caller whose
    request does not come holds a thread, too.

    The base's other way of answering a watch, without threads, waits for each message to be sent while it holds the lock that the end of any other
    watch needs: one that ends at that moment stops the thread which would report the message sent, and with it the server.
    """

    def __init__(self, names):
        # One thread more: what is refused needs it for that long.
        super().__init__(experimental_non_blocking=False, experimental_thread_pool=concurrent.futures.ThreadPoolExecutor(STREAMS_MAX + 1))
        self._room = threading.Semaphore(STREAMS_MAX)
        self._names = frozenset(names)
        for name in names:
            self.set(name, health_pb2.HealthCheckResponse.SERVING)

    def Watch(self, request, context, send_response_callback=None):
        if not self._room.acquire(blocking=False):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{STREAMS_MAX} watches are open already (streams_max); try again later")
        caller = Caller(context)
        caller.add_callback(self._room.release)
        if request.service not in self._names:
            request = health_pb2.HealthCheckRequest(service=UNKNOWN)
        return super().Watch(request, caller)

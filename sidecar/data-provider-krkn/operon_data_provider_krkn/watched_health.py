"""The health service of grpc_health, for callers who come and go."""

import concurrent.futures
import threading

import grpc
from grpc_health.v1 import health

STREAMS_MAX = 64


class WatchedHealth(health.HealthServicer):
    """Each watch has a thread of its own until its caller leaves; at most STREAMS_MAX, more are refused with RESOURCE_EXHAUSTED.

    The base's other way of answering a watch, without threads, waits for each message to be sent while it holds the lock that the end of any other
    watch needs: one that ends at that moment stops the thread which would report the message sent, and with it the server.
    """

    def __init__(self):
        # One thread more: what is refused needs it for that long.
        super().__init__(experimental_non_blocking=False, experimental_thread_pool=concurrent.futures.ThreadPoolExecutor(STREAMS_MAX + 1))
        self._room = threading.Semaphore(STREAMS_MAX)

    def Watch(self, request, context, send_response_callback=None):
        if not self._room.acquire(blocking=False):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{STREAMS_MAX} watches are open already (streams_max); try again later")
        if not context.add_callback(self._room.release):
            self._room.release()
            return iter(())
        watcher = super().Watch(request, context)
        if not context.is_active():  # since before the base asked to be told
            watcher.close()
        return watcher

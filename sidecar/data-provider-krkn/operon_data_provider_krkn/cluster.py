"""krkn-lib's client for one cluster, kept while it is used."""

import collections
import hashlib
import json
import os
import random
import tempfile
import threading
import time
from types import SimpleNamespace

import urllib3
from krkn_lib.k8s import KrknKubernetes
from kubernetes import client, config
from kubernetes.client.rest import ApiException

from . import connection, kubeconfig

ATTEMPTS_MAX = 4
SILENT_ATTEMPTS_MAX = 3  # of these without an answer: each has its share of the time that is left
PAGE_NAMES_DEFAULT = 500
PAGE_NAMES_MAX = 5000
NAMES_BYTES_MAX = 3 << 20
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class DeadlineExceeded(Exception):
    pass


class NoApiServer(Exception):
    pass


class Answered(Exception):
    """An HTTP status other than 2xx. Not the client's ApiException: krkn-lib catches that, logs it with the server's headers and loses the status."""

    def __init__(self, status, reason):
        super().__init__(f"the API server answers {status} {reason}")
        self.status = status


class Cluster(KrknKubernetes):
    """krkn-lib with a connection that is kept, a deadline, and refusals that are errors: it takes them for empty lists."""

    def __init__(self, checked, link_local):
        super().__init__(None)
        self.folder = tempfile.TemporaryDirectory(prefix="data-provider-", dir=MEMORY)  # certificates: TLS in Python takes files only
        self.client_config = client.Configuration()
        config.load_kube_config_from_dict(checked, client_configuration=self.client_config, temp_file_path=self.folder.name)
        self.client_config.retries = connection.NO_RETRIES
        self._kept = client.ApiClient(self.client_config)
        connection.watch(self._kept.rest_client.pool_manager, link_local)
        self.call = threading.local()

    @property
    def api_client(self):
        return self._kept

    def list_continue_helper(self, func, *args, **keywords):
        """krkn-lib's lists end up here."""
        keywords["limit"] = PAGE_NAMES_DEFAULT
        pages, size = [], 0
        while True:
            page = self.page(func, *args, **keywords)
            size += sum(len(item.metadata.name) + 8 for item in page.items)
            if size > NAMES_BYTES_MAX:
                raise connection.TooLarge("more names than one answer may hold")
            pages.append(page)
            if not page.metadata._continue:
                return pages
            keywords["_continue"] = page.metadata._continue

    def page(self, func, *args, **keywords):
        """One page, tried again where that may help. Names alone: the client's models of whole objects take most of a call."""
        keywords.pop("pretty", None)
        silent = 0
        for attempt in range(1, ATTEMPTS_MAX + 1):
            left = self.call.deadline - time.monotonic()
            if left <= 0:
                raise DeadlineExceeded
            try:
                share = left / max(1, SILENT_ATTEMPTS_MAX - silent)
                response = func(*args, **keywords, _preload_content=False, _request_timeout=(share, share))  # a single float would be ignored
                return self._parsed(response.read(decode_content=True))
            except (ApiException, urllib3.exceptions.HTTPError) as error:
                status = getattr(error, "status", None)
                silent += status is None
                again = status is None or status == 429 or (status >= 500 and status not in (501, 505))
                wait = random.uniform(0, 0.1 * 2 ** attempt)
                if not again or attempt == ATTEMPTS_MAX or wait > left:
                    if status:
                        raise Answered(status, error.reason) from None
                    raise
                if self.call.call.cancelled:
                    raise connection.Cancelled from None
                time.sleep(wait)
        raise AssertionError("unreachable")

    @staticmethod
    def _parsed(body):
        try:
            root = json.loads(body)
            items = [SimpleNamespace(metadata=SimpleNamespace(name=item["metadata"]["name"], namespace=item["metadata"].get("namespace", "")))
                     for item in root["items"] or ()]
            return SimpleNamespace(items=items, metadata=SimpleNamespace(_continue=(root.get("metadata") or {}).get("continue") or ""))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise NoApiServer("the answer is no list; is the server an API server?") from None


class Clusters:
    """By digest of the kubeconfig; the one that was not used for longest goes first."""

    def __init__(self, clusters_max, idle_seconds, link_local):
        self.clusters_max, self.idle_seconds, self.link_local = clusters_max, idle_seconds, link_local
        self.lock = threading.Lock()
        self.entries = collections.OrderedDict()  # digest -> [cluster, last use]

    def get(self, packed):
        digest = hashlib.sha256(packed.encode()).digest()
        with self.lock:
            self._drop_idle()
            entry = self.entries.get(digest)
            if entry:
                entry[1] = time.monotonic()
                self.entries.move_to_end(digest)
                return entry[0]
        try:
            cluster = Cluster(kubeconfig.checked(packed, self.link_local), self.link_local)
        except config.ConfigException:
            raise kubeconfig.Refused("kubeconfig: cannot be used; a name in it is not there, or an entry is incomplete") from None
        with self.lock:
            entry = self.entries.setdefault(digest, [cluster, 0])
            entry[1] = time.monotonic()
            while len(self.entries) > self.clusters_max:
                self.entries.popitem(last=False)
            return entry[0]

    def _drop_idle(self):
        before = time.monotonic() - self.idle_seconds
        while self.entries and next(iter(self.entries.values()))[1] < before:
            self.entries.popitem(last=False)

    def drop_idle(self):
        with self.lock:
            self._drop_idle()

"""urllib3's connections, with what it leaves out: a call that can be cancelled, answers of bounded size, the address that a name turned out to stand for."""

import contextlib
import ipaddress
import socket
import threading

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .kubeconfig import is_link_local

ANSWER_BYTES_MAX = 8 << 20


class TooLarge(Exception):
    """An API server's answer has more than ANSWER_BYTES_MAX."""


class LinkLocal(OSError):
    """A name stands for an address that is not asked."""


class Cancelled(Exception):
    pass


class Call:
    """One gRPC call; whatever socket it waits on ends with it."""

    current = threading.local()

    def __init__(self):
        self.lock = threading.Lock()
        self.socket = None
        self.cancelled = False

    def __enter__(self):
        Call.current.call = self
        return self

    def __exit__(self, *_):
        Call.current.call = None
        self.wait_on(None)

    def wait_on(self, sock):
        with self.lock:
            self.socket = sock
            if self.cancelled and sock is not None:
                self._end(sock)

    def cancel(self):
        with self.lock:
            self.cancelled = True
            if self.socket is not None:
                self._end(self.socket)

    @staticmethod
    def _end(sock):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


class _Watched:
    link_local = False

    def _new_conn(self):
        sock = super()._new_conn()
        if not self.link_local and is_link_local(ipaddress.ip_address(sock.getpeername()[0].split("%")[0])):
            sock.close()
            raise LinkLocal("the server's name stands for a link-local or metadata address, which is not asked from here")
        return self._told(sock)

    def request(self, *args, **kwargs):
        if self.sock is not None:
            self._told(self.sock)
        return super().request(*args, **kwargs)

    def getresponse(self):
        self._told(self.sock)  # by now wrapped by TLS
        response = super().getresponse()
        raw = response._fp
        read, left = raw.read, [ANSWER_BYTES_MAX]

        def bounded(amount=None):
            data = read(left[0] + 1 if amount is None else amount)
            left[0] -= len(data)
            if left[0] < 0:
                self.close()
                raise TooLarge("the answer is larger than 8 MiB")
            return data

        raw.read = bounded
        return response

    @staticmethod
    def _told(sock):
        call = getattr(Call.current, "call", None)
        if call is not None and sock is not None:
            call.wait_on(sock)
        return sock


def watch(pool_manager, link_local):
    """Every connection that the manager makes from now on is a watched one."""
    plain = type("Plain", (_Watched, HTTPConnection), {"link_local": link_local})
    secure = type("Secure", (_Watched, HTTPSConnection), {"link_local": link_local})
    pool_manager.pool_classes_by_scheme = {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


NO_RETRIES = urllib3.Retry(total=0, redirect=False, raise_on_redirect=False, raise_on_status=False)

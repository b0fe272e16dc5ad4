"""Faults 23, 24, 25: slow and many readers, logs across a restart, logs of any bytes."""

import contextlib
import hashlib
import resource
import socket
import threading
import time
import unittest

from operon_harness import Host, until

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def follow_socket(host, job, receive_buffer=None):
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.settimeout(60)
    s.connect(("127.0.0.1", host.port))
    s.sendall(f"GET /scenarios/run/{job}/logs?follow=true HTTP/1.1\r\nHost: 127.0.0.1:{host.port}\r\n\r\n".encode())
    return s


def read_all(s):
    """The content of one chunked answer; whether it came to its proper end."""
    data = b""
    try:
        while True:
            got = s.recv(1 << 20)
            if not got:
                break
            data += got
            if data.endswith(b"\r\n0\r\n\r\n"):
                break
    except OSError:
        pass
    head, _, rest = data.partition(b"\r\n\r\n")
    content, whole = b"", False
    while rest:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line, 16)
        if size == 0:
            whole = True
            break
        content += rest[:size]
        rest = rest[size + 2:]
    return head, content, whole


class FewDescriptors(unittest.TestCase):
    def test_fault_23_readers_leave_descriptors_for_probes_and_runs(self):
        host = Host(prefix=["prlimit", "--nofile=200:200"]).start()
        self.addCleanup(host.remove)
        host.shell_scenario("slow", "echo a; sleep 600")
        host.shell_scenario("quick", "echo q")
        job = host.run("slow")
        host.wait_status(job, "Running")
        crowd = contextlib.ExitStack()
        self.addCleanup(crowd.close)
        readers = [crowd.enter_context(follow_socket(host, job)) for _ in range(103)]  # of 104 that the host takes now
        for reader in readers:
            self.assertIn(b" 200 ", reader.recv(100))
        waiting = [crowd.enter_context(follow_socket(host, job)) for _ in range(100)]
        for _ in range(3):
            self.assertEqual(host.probe("/readyz").status, 200)
        for reader in waiting + readers:
            reader.close()
        host.wait_ended(host.run("quick"))


class Readers(unittest.TestCase):
    def setUp(self):
        self.host = Host(sets=["rest.connections_per_address_max=10000", "rest.write_ms_max=1500", "logs.follower_stall_ms=1500", "rest.header_ms_max=2000"]).start()
        self.addCleanup(self.host.remove)

    def test_fault_23_slowloris(self):
        drips = []
        for _ in range(200):
            s = socket.create_connection(("127.0.0.1", self.host.port))
            s.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Drip: ")
            drips.append(s)
        begin = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.host.api("GET", "/scenarios/run").status, 200)
        self.assertLess(time.monotonic() - begin, 2, "the drips hold nobody up")

        def closed(s):
            s.setblocking(False)
            try:
                got = s.recv(4096)
                return got == b"" or b" 408 " in got
            except BlockingIOError:
                s.sendall(b"x")
                return False
            except OSError:
                return True
        left = list(drips)

        def sweep():
            left[:] = [s for s in left if not closed(s)]
            return not left
        until("every drip is cut at its deadline", sweep, 15, 0.2)

    def test_fault_23_five_thousand_idle_followers(self):
        self.host.shell_scenario("quiet", "echo first; exec sleep 600")
        job = self.host.run("quiet")
        self.host.wait_status(job, "Running")
        until("the log is there", lambda: self.host.logs(job))
        before, threads = self.host.resident_bytes(), self.host.thread_count()
        sockets = []
        for _ in range(5000):  # one after the other: asked all at once the host sheds load, which is another case
            sockets.append(follow_socket(self.host, job))
            head = sockets[-1].recv(4096)
            self.assertTrue(head.startswith(b"HTTP/1.1 200"), head[:300])
        self.assertLessEqual(self.host.thread_count(), threads + 24)
        self.assertLess(self.host.thread_count(), 64)
        self.assertLess(self.host.resident_bytes() - before, 100 << 20)
        begin = time.monotonic()
        self.assertEqual(self.host.api("GET", "/health").status, 200)
        self.assertLess(time.monotonic() - begin, 1)
        for s in sockets:
            s.close()
        until("the host has noticed", lambda: (self.host.metric("operon_log_followers") or 0) == 0)

    def test_fault_23_one_that_never_reads_is_dropped(self):
        self.host.shell_scenario("loud", "sleep 0.2; i=0; while [ $i -lt 400 ]; do head -c 65536 /dev/zero | tr '\\0' x; echo; i=$((i+1)); sleep 0.01; done")
        job = self.host.run("loud")
        sleeper = follow_socket(self.host, job, receive_buffer=4096)
        good = [follow_socket(self.host, job) for _ in range(4)]
        results = [None] * len(good)

        def collect(i):
            results[i] = read_all(good[i])
        threads = [threading.Thread(target=collect, args=(i,)) for i in range(len(good))]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        self.assertEqual([len(r[1]) for r in results], [400 * 65537] * 4, "nobody else lost a byte")
        self.assertTrue(all(r[2] for r in results))
        until("the sleeper was dropped", lambda: (self.host.metric("operon_log_followers_dropped_total") or 0) + (self.host.metric("operon_http_streams_dropped_total") or 0) >= 1, 20)
        _, content, whole = read_all(sleeper)
        self.assertLess(len(content), 400 * 65537)
        self.assertTrue(b"ERROR: " in content[-300:] or not whole, "the cut shows: by the marker, or by an answer without an end")


class Logs(unittest.TestCase):
    def host_with(self, *sets):
        host = Host(sets=sets).start()
        self.addCleanup(host.remove)
        return host

    def test_fault_24_the_log_goes_on_across_a_kill(self):
        host = self.host_with()
        host.shell_scenario("counter", "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); [ $((i%100)) = 0 ] && sleep 0.1; done; exit 7")
        job = host.run("counter")
        for _ in range(3):
            seen = len(host.logs(job))
            until("the log grows", lambda: len(host.logs(job)) > seen)
            host.kill()
            host.restart()
        ended = host.wait_ended(job, 60)
        self.assertEqual(ended["status"], "Failed")
        self.assertIn("7", ended["message"], "the true exit code")
        self.assertEqual(host.logs(job), b"".join(b"line %d\n" % i for i in range(3000)), "every line once, in order")

    def test_fault_24_what_rotated_away_is_marked(self):
        host = self.host_with("plugins.runner-process.config.logBytesMax=2097152", "plugins.runner-process.config.logSegmentBytes=524288")
        go = host.folder / "go"
        host.shell_scenario("rotator", f"echo begin; while [ ! -e {go} ]; do sleep 0.05; done; i=0; while [ $i -lt 120 ]; do head -c 65535 /dev/zero | tr '\\0' x; echo; i=$((i+1)); done; echo end; exec sleep 600")
        job = host.run("rotator")
        until("the beginning is read", lambda: host.logs(job) == b"begin\n")
        host.kill()
        go.write_text("")
        written = 6 + 120 * 65536 + 4

        def produced():
            for part in host.state.rglob("log.*"):
                with contextlib.suppress(FileNotFoundError):  # deleted meanwhile: that is what rotation does
                    if part.suffix[1:].isdigit() and int(part.suffix[1:]) + part.stat().st_size >= written:
                        return True
            return False
        until("8 MB were written while the host was away", produced)
        host.restart()
        until("the host has caught up", lambda: host.logs(job).endswith(b"end\n"))
        log = host.logs(job)
        self.assertTrue(log.startswith(b"begin\n"))
        self.assertRegex(log[:400], rb"ERROR: \d+ bytes missing here\n")
        self.assertLess(len(log), 4 << 20)

    def test_fault_25_bytes_stay_as_they_are(self):
        host = self.host_with()
        data = bytes(range(256)) * 64 + b"\x1b[31mred\x1b[0m\r\nprogress 1%\rprogress 2%\r" + "☃".encode() + b"\xf0\x9f no newline at the end"
        blob = host.folder / "bytes"
        blob.write_bytes(data)
        host.scenario("bytes", f"title: b\ndescription: b\nfields: []\nrun: {{argv: [/bin/cat, {blob}]}}\n")
        job = host.run("bytes")
        host.wait_ended(job)
        self.assertEqual(host.logs(job), data)
        host.restart_clean = host.terminate()
        host.restart()
        self.assertEqual(host.logs(job), data, "from the archive too")

    def test_fault_25_one_line_of_a_gigabyte(self):
        host = self.host_with()
        size = 1_000_000_000
        host.scenario("line", f"title: l\ndescription: l\nfields: []\nrun: {{argv: [/usr/bin/head, -c, '{size}', /dev/zero]}}\n")
        job = host.run("line")
        self.assertEqual(host.wait_ended(job, 120)["status"], "Succeeded")
        s = follow_socket(host, job)
        s.settimeout(180)
        digest, count, head, expect = hashlib.sha256(), 0, b"", None
        stream = s.makefile("rb", 1 << 20)
        while (line := stream.readline()) not in (b"\r\n", b""):
            head += line
        while True:
            expect = int(stream.readline(), 16)
            if expect == 0:
                break
            chunk = stream.read(expect)
            digest.update(chunk)
            count += len(chunk)
            stream.read(2)
        self.assertEqual(count, size)
        want = hashlib.sha256()
        for _ in range(size // 1_000_000):
            want.update(b"\0" * 1_000_000)
        self.assertEqual(digest.hexdigest(), want.hexdigest())
        self.assertLess(host.resident_bytes("VmHWM"), 150 << 20, "at no time")


if __name__ == "__main__":
    unittest.main(verbosity=2)

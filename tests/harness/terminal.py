"""A program on a pseudo-terminal of its own, as its user sees it. Standard library only."""

import os
import pty
import select
import signal
import termios
import time

from operon_harness import PATIENCE


class Terminal:
    """`with Terminal([program, ...], env) as terminal:` What is shown is read by expect() and end()."""

    def __init__(self, argv, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execve(argv[0], argv, env)
            finally:
                os._exit(127)
        self.shown, self.status = "", None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def _read(self, give_up):
        ready, _, _ = select.select([self.fd], [], [], max(0, give_up - time.monotonic()))
        if not ready:
            raise AssertionError(f"nothing more is shown; so far:\n{self.shown}")
        try:
            chunk = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the other end any more
            chunk = b""
        self.shown += chunk.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(chunk)

    def expect(self, text, seconds=20):
        """Waits until `text` is shown; returns what was shown up to its end, and forgets that."""
        give_up = time.monotonic() + seconds * PATIENCE
        while text not in self.shown:
            if not self._read(give_up):
                raise AssertionError(f"ended without showing {text!r}; it showed:\n{self.shown}")
        at = self.shown.index(text) + len(text)
        before, self.shown = self.shown[:at], self.shown[at:]
        return before

    def type(self, text):
        os.write(self.fd, text.encode())

    def echoes(self):
        """Is what is typed shown?"""
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def until_echo(self, wanted, seconds=20):
        give_up = time.monotonic() + seconds * PATIENCE
        while self.echoes() != wanted:
            assert time.monotonic() < give_up, f"echo is still {'off' if wanted else 'on'}"
            time.sleep(0.005)

    def end(self, seconds=60):
        """Reads to the end; returns (exit code or minus signal, what was shown since the last expect)."""
        give_up = time.monotonic() + seconds * PATIENCE
        while self._read(give_up):
            pass
        _, status = os.waitpid(self.pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        return self.status, self.shown

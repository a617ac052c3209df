"""Child processes on free ports, all stopped at the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATIENCE_S = 30


class Failure(Exception):
    """An error that ends the run or fails a case."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what: str, condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Waits until the condition is true. An OSError counts as not true yet."""
    end = time.monotonic() + patience_s
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        if time.monotonic() > end:
            raise Failure(f"not within {patience_s} s: {what}")
        time.sleep(0.05)


def port_is_open(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


class Process:
    """A child process that writes to a log file."""

    def __init__(self, name: str, command: list, log: Path, env: dict[str, str] | None = None, **pipes) -> None:
        self.name, self.log = name, log
        with log.open("ab") as output:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, **pipes}
            # A process group of its own, so that Ctrl-C reaches only this program, which then stops the processes in
            # order.
            self.child = subprocess.Popen(
                [str(part) for part in command], env={**os.environ, **(env or {})}, start_new_session=True, **pipes
            )

    def wait_for_port(self, port: int) -> None:
        def listening() -> bool:
            if self.child.poll() is not None:
                raise Failure(f"{self.name} ended: {self.last_words()}")
            return port_is_open(port)

        eventually(f"{self.name} listens", listening)

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stops the process with SIGSTOP, and continues it with SIGCONT at the end."""
        self.child.send_signal(signal.SIGSTOP)
        # Waits until the signal has stopped every thread.
        os.waitid(os.P_PID, self.child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        try:
            yield
        finally:
            self.child.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()

    def stop(self) -> None:
        if self.child.poll() is not None:
            return
        self.child.send_signal(signal.SIGCONT)
        self.child.terminate()
        try:
            self.child.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.kill()


class Server(ThreadingHTTPServer):
    """Serves in the background on a free port. A client that disconnects is not an error."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Processes(ExitStack):
    """Starts processes, and stops them in reverse order."""

    def start(self, *arguments, **options) -> Process:
        process = Process(*arguments, **options)
        self.callback(process.stop)
        return process

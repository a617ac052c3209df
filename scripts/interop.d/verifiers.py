"""The verifiers under test: the samples, our own verifier, and gateways in front of it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from processes import Failure, Process, Processes
from services import request

START_LIMIT_S = 60
ANSWER_LIMIT_S = 5  # their own limits are one second


class Program:
    """A sample program: reads one token per line and writes one verdict per line."""

    def __init__(
        self,
        name: str,
        command: list,
        processes: Processes,
        place: Path,
        env: dict[str, str],
        answer_limit_s: float = ANSWER_LIMIT_S,
    ) -> None:
        self.name, self.answers, self.limit_s = name, queue.Queue(), START_LIMIT_S
        self.answer_limit_s = answer_limit_s
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = processes.start(name, command, place / f"{name}.log", env, **pipes)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.child.stdout:
            self.answers.put(line.decode().strip())
        self.answers.put(None)

    def send(self, token: str) -> None:
        self.process.child.stdin.write(f"{token}\n".encode())
        self.process.child.stdin.flush()

    def answer(self) -> str:
        try:
            answer = self.answers.get(timeout=self.limit_s)
        except queue.Empty:
            self.process.kill()  # a late answer would be taken for the answer to another question
            raise Failure(f"{self.name} does not answer") from None
        self.limit_s = self.answer_limit_s
        if answer is None:
            raise Failure(f"{self.name} ended: {self.process.last_words()}")
        return answer

    def ask(self, token: str) -> str:
        self.send(token)
        return self.answer()


@dataclass
class Sample:
    """A sample program that is not expected to start."""

    name: str
    command: list

    def fails_with(self, env: dict[str, str], wanted: str) -> str:
        """Says `an error` if the program ends with this error and a status that is not zero."""
        command = [str(part) for part in self.command]
        try:
            done = subprocess.run(
                command, env={**os.environ, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
            )
        except subprocess.TimeoutExpired:
            return "no end"
        is_clear = done.returncode != 0 and f"error: {wanted}" in done.stderr and not done.stdout
        return "an error" if is_clear else f"{done.returncode}: {done.stderr}"


@dataclass
class Service:
    """A verifier that is asked over HTTP."""

    name: str
    url: str
    process: Process

    def ask(self, token: str) -> str:
        status, headers, body = request("GET", self.url, Authorization=f"Bearer {token}")
        if status == 401 and not headers.get("www-authenticate", "").startswith("Bearer"):
            return "401 without WWW-Authenticate"
        if status == 503 and "retry-after" not in headers:
            return "503 without Retry-After"
        return f"200 {json.loads(body)['sub']}" if status == 200 else str(status)

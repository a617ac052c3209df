"""Asks samples that run in containers: a token is good at each of them, and dead at each after the logout.

usage: samples.py ORIGIN SERVICE… -- COMMAND…
Each SERVICE is run by COMMAND and its name. It reads a token from each line, and writes a verdict for each.
"""

from __future__ import annotations

import http.client
import json
import queue
import subprocess
import sys
import threading
import time
from urllib.parse import urlencode, urlsplit

ORIGIN = sys.argv[1]
SERVICES = sys.argv[2 : sys.argv.index("--")]
COMMAND = sys.argv[sys.argv.index("--") + 1 :]
PASSWORD = "correct horse battery staple"
PATIENCE_S = 60


class Sample:
    def __init__(self, name: str) -> None:
        self.name, self.answers = name, queue.Queue()
        command = [*COMMAND, name]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.child.stdout:
            self.answers.put(line.strip())
        self.answers.put("the end")

    def ask(self, token: str) -> str:
        self.child.stdin.write(f"{token}\n")
        self.child.stdin.flush()
        return self.answers.get(timeout=PATIENCE_S)

    def comes_to(self, wanted: str, token: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while not (answer := self.ask(token)).startswith(wanted):
            assert answer != "the end" and time.monotonic() < until, f"{self.name}: wanted {wanted}, got {answer}"
            time.sleep(0.2)
        print(f"ok: {self.name} says {wanted}")

    def stop(self) -> None:
        self.child.stdin.close()
        self.child.wait(timeout=PATIENCE_S)


def post(path: str, body: str, **headers: str) -> tuple[int, str]:
    place = urlsplit(ORIGIN)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
    connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def main() -> None:
    name = f"person-{time.time_ns()}"
    body = json.dumps({"username": name, "password": PASSWORD})
    status, text = post("/auth/register", body, Content_Type="application/json")
    assert status == 201, text
    user = json.loads(text)["id"]
    form = urlencode({"grant_type": "password", "username": name, "password": PASSWORD})
    status, text = post("/auth/token", form, Content_Type="application/x-www-form-urlencoded")
    assert status == 200, text
    token = json.loads(text)["access_token"]
    samples = [Sample(service) for service in SERVICES]
    for sample in samples:
        sample.comes_to(f"200 {user}", token)
    status, text = post("/auth/logout", "", Authorization=f"Bearer {token}")
    assert status == 204, text
    for sample in samples:
        sample.comes_to("401", token)
    for sample in samples:
        sample.stop()


main()

"""Sends 20 requests a second to the gateway, as a front end does, until it is told to end. Each request uses a
connection of its own. One line per request: when it was sent, when it ended, what it was, and its status or error.

usage: load.py ORIGIN FILE
"""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

PER_SECOND = 20
PASSWORD = "correct horse battery staple"
# A client that gives up later than this has had an outage all the same.
TIMEOUT = 10.0


class NoRetryAfter(Exception):
    """A 503 that does not say when to try again. The gateway's own are so; the services' must not be."""


class Client:
    def __init__(self, origin: str, file: Path) -> None:
        self.place = urlsplit(origin)
        self.output = file.open("w", buffering=1)
        self.lock = threading.Lock()
        self.name = f"load-{time.time_ns()}"
        self.access = ""
        # Sessions take turns, so that none refreshes more often than a front end would.
        self.sessions: list[str] = []

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.place.hostname, self.place.port or 80, timeout=TIMEOUT)
        try:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Connection": "close", **headers})
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status == 503 and "Retry-After" not in answer.headers:
                raise NoRetryAfter
            return answer.status, text
        finally:
            connection.close()

    def form(self, **fields: str) -> tuple[int, str]:
        return self.send("POST", "/auth/token", urlencode(fields), Content_Type="application/x-www-form-urlencoded")

    def register(self) -> None:
        body = json.dumps({"username": self.name, "password": PASSWORD})
        status, text = self.send("POST", "/auth/register", body, Content_Type="application/json")
        assert status == 201, (status, text)
        for _ in range(4):
            assert self.login() == 200

    def login(self) -> int:
        status, text = self.form(grant_type="password", username=self.name, password=PASSWORD)
        if status == 200:
            tokens = json.loads(text)
            self.access = tokens["access_token"]
            with self.lock:
                self.sessions = [*self.sessions[-3:], tokens["refresh_token"]]
        return status

    def refresh(self) -> int:
        with self.lock:
            token = self.sessions.pop(0) if self.sessions else None
        if token is None:
            return self.login()
        status, text = self.form(grant_type="refresh_token", refresh_token=token)
        with self.lock:
            self.sessions.append(json.loads(text)["refresh_token"] if status == 200 else token)
        return status

    def get(self, path: str) -> int:
        return self.send("GET", path, Authorization=f"Bearer {self.access}")[0]

    def write(self) -> int:
        body = json.dumps({"title": "something"})
        bearer = f"Bearer {self.access}"
        status, _ = self.send("POST", "/todos/", body, Authorization=bearer, Content_Type="application/json")
        return 200 if status == 201 else status

    def one(self, number: int) -> None:
        # 20 logins and 60 refreshes a minute, below the limits of one address and of four sessions.
        if number % 60 == 0:
            what, call = "login", self.login
        elif number % 20 == 10:
            what, call = "refresh", self.refresh
        else:
            kinds = {
                0: ("whoami", lambda: self.get("/whoami")),
                1: ("keys", lambda: self.get("/.well-known/jwks.json")),
                2: ("me", lambda: self.get("/auth/me")),
                3: ("todos", lambda: self.get("/todos/?limit=1")),
                4: ("page", lambda: self.get("/login")),
                5: ("write", self.write),
            }
            what, call = kinds[number % 6]
        sent = time.time()
        try:
            outcome = str(call())
        except Exception as error:  # noqa: BLE001 - whatever it is, the request failed
            outcome = type(error).__name__
        with self.lock:
            print(json.dumps([sent, time.time(), what, outcome]), file=self.output)


def main() -> None:
    client = Client(sys.argv[1], Path(sys.argv[2]))
    client.register()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    began = time.monotonic()
    with ThreadPoolExecutor(max_workers=PER_SECOND * int(TIMEOUT + 2)) as pool:
        for number in itertools.count():
            if ended.wait(max(0.0, began + number / PER_SECOND - time.monotonic())):
                break
            pool.submit(client.one, number)


main()

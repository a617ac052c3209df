"""Runs the services of two releases on the same databases, and lets each work with what the other made.

usage: side_by_side.py PROGRAMS-OF-THE-OLDER PROGRAMS-OF-THE-NEWER POSTGRES-URL FOLDER
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

OLDER, NEWER, SERVER, FOLDER = sys.argv[1:]
PASSWORD = "correct horse battery staple"
KEY = "0123456789abcdef" * 4
# Longer than the bound of a revocation.
LIMIT = 40.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A service. The log is kept to look for errors in it."""

    def __init__(self, programs: str, name: str, folder: Path, settings: dict[str, str]) -> None:
        self.program, self.settings, self.folder = f"{programs}/{name}", settings, folder
        self.port = free_port()
        self.log = folder / f"{name}-{self.port}.log"
        self.start()

    def start(self) -> None:
        prefix = "AUTH" if self.program.endswith("auth-service") else "TODO"
        environment = {f"{prefix}__HTTP__BIND": f"127.0.0.1:{self.port}"}
        environment |= {f"{prefix}__{name}": value for name, value in self.settings.items()}
        with self.log.open("a") as log:
            self.child = subprocess.Popen([self.program], env=environment, cwd=self.folder, stderr=log)
        until = time.monotonic() + LIMIT
        while not self.is_ready():
            ended = self.child.poll() is not None
            assert not ended and time.monotonic() < until, f"{self.program} is not ready: {self.log.read_text()[-2000:]}"
            time.sleep(0.1)

    def is_ready(self) -> bool:
        try:
            return self.send("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def stop(self) -> None:
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(30) == 0, self.log.read_text()[-2000:]

    def send(self, method: str, path: str, body: object = None, token: str = "", form: bool = False) -> tuple[int, object]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        text = None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded" if form else "application/json"
            text = urlencode(body) if form else json.dumps(body)
        connection.request(method, path, text, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        is_json = "json" in (answer.headers["Content-Type"] or "")
        return answer.status, json.loads(content) if is_json and content else None

    def token(self, **form: str) -> tuple[int, dict]:
        return self.send("POST", "/auth/token", form, form=True)

    def eventually_answers(self, status: int, path: str, token: str) -> None:
        until = time.monotonic() + LIMIT
        while (found := self.send("GET", path, token=token)[0]) != status:
            assert time.monotonic() < until, f"{self.program} {path}: {found} and not {status}"
            time.sleep(0.1)


def expect(what: str, found: object, wanted: object) -> None:
    assert found == wanted, f"{what}: {found} and not {wanted}"


def login(auth: Process, name: str) -> dict:
    status, tokens = auth.token(grant_type="password", username=name, password=PASSWORD)
    expect(f"a login at {auth.program}", status, 200)
    return tokens


def refresh(auth: Process, tokens: dict) -> dict:
    status, fresh = auth.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    expect(f"a refresh at {auth.program}", status, 200)
    return fresh


def exchange(name: str, first: tuple[Process, Process], second: tuple[Process, Process]) -> None:
    """What is made at the first pair of services is used at the second."""
    (auth, todos), (other_auth, other_todos) = first, second
    status, user = auth.send("POST", "/auth/register", {"username": name, "password": PASSWORD})
    expect("a registration", status, 201)
    for issued in (login(auth, name), login(other_auth, name)):
        tokens = refresh(auth, refresh(other_auth, issued))
        access = tokens["access_token"]
        for place in (auth, other_auth):
            status, me = place.send("GET", "/auth/me", token=access)
            expect("the user", (status, me["id"]), (200, user["id"]))
            status, sessions = place.send("GET", "/auth/sessions", token=access)
            expect("the current session", (status, [one["current"] for one in sessions].count(True)), (200, 1))
        for place in (todos, other_todos):
            place.eventually_answers(200, "/whoami", access)
        status, todo = todos.send("POST", "/todos/", {"title": "milk"}, token=access)
        expect("a new todo", status, 201)
        path = f"/todos/{todo['id']}"
        expect("its change", other_todos.send("PUT", path, {"completed": True}, token=access)[0], 200)
        expect("the change", todos.send("GET", path, token=access)[1]["completed"], True)
        # Every service must learn of it, from the feed of the older or of the newer auth-service.
        expect("a logout", auth.send("POST", "/auth/logout", token=access)[0], 204)
        for place in (auth, other_auth):
            place.eventually_answers(401, "/auth/me", access)
            expect("a refresh after it", place.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])[0], 401)
        for place in (todos, other_todos):
            place.eventually_answers(401, "/whoami", access)


def side_by_side(kind: str, auth_url: str, todo_url: str, folder: Path) -> None:
    issuer = f"http://127.0.0.1:{free_port()}"
    auth_settings = {"ISSUER": issuer, "DATABASE__URL": auth_url, "KEYS__ENCRYPTION_KEY": KEY}
    running: list[Process] = []

    def pair(programs: str, followed: Process | None = None) -> tuple[Process, Process]:
        auth = Process(programs, "auth-service", folder, auth_settings)
        running.append(auth)
        source = f"http://127.0.0.1:{(followed or auth).port}"
        todo_settings = {
            "DATABASE__URL": todo_url,
            "AUTH__ISSUER": issuer,
            "AUTH__JWKS_URL": f"{source}/.well-known/jwks.json",
            "REVOCATION__FEED_URL": f"{source}/revocations",
        }
        todos = Process(programs, "todo-service", folder, todo_settings)
        running.append(todos)
        return auth, todos

    try:
        older = pair(OLDER)
        older[0].send("POST", "/auth/register", {"username": "before", "password": PASSWORD})
        before = login(older[0], "before")
        # Migrates. Its todo-service follows the older feed; later the older one follows the newer feed.
        newer = pair(NEWER, followed=older[0])
        before = refresh(older[0], refresh(newer[0], before))
        exchange("ada", older, newer)
        exchange("grace", newer, older)
        expect("the key set", older[0].send("GET", "/.well-known/jwks.json"), newer[0].send("GET", "/.well-known/jwks.json"))
        # The older release also starts on the newer schema.
        for process in older:
            process.stop()
        older[1].settings |= {
            "AUTH__JWKS_URL": f"http://127.0.0.1:{newer[0].port}/.well-known/jwks.json",
            "REVOCATION__FEED_URL": f"http://127.0.0.1:{newer[0].port}/revocations",
        }
        for process in older:
            process.start()
        refresh(older[0], before)
        exchange("edsger", older, newer)
        exchange("barbara", newer, older)
        for process in reversed(running):
            process.stop()
        for process in running:
            errors = [line for line in process.log.read_text().splitlines() if '"level":"ERROR"' in line]
            # Once for each connection, if a migration has changed a column (docs/database.md); and until a service is ready.
            expected = ("cached plan must not change result type", '"route":"/readyz"')
            errors = [line for line in errors if not any(words in line for words in expected)]
            expect(f"the errors in the log of {process.program}", errors, [])
    finally:
        for process in running:
            process.child.kill()
    print(f"ok: both releases work with what the other made, on {kind}")


def main() -> None:
    for kind in ("postgres", "sqlite"):
        folder = Path(FOLDER) / f"on-{kind}"
        folder.mkdir(exist_ok=True)
        urls = [f"sqlite://{folder}/{name}.db" for name in ("auth", "todo")]
        if kind == "postgres":
            urls = [SERVER.removesuffix("/postgres") + f"/{name}" for name in ("auth", "todo")]
            for name in ("auth", "todo"):
                subprocess.run(["psql", "-q", SERVER, "-c", f"CREATE DATABASE {name}"], check=True)
        side_by_side(kind, urls[0], urls[1], folder)


main()

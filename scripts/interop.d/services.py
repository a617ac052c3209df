"""Runs Redis, the auth-service and the todo-service."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import redis
from processes import Failure, Process, Processes, eventually, free_port

PREFIX = "{revoked}"
AUDIENCE = "todo-service"
PASSWORD = "correct horse battery"
# The Redis user of verifiers, with the rights that docs/revocation.md names, and what it and followers of the feed show.
VERIFIER = "verifier"
VERIFIER_PASSWORD = "0123456789abcdef0123456789abcdef"
VERIFIER_RIGHTS = [
    *(f"%R~{PREFIX}:*", "+hello", "+auth", "+ping", "+select", "+client|setname", "+info", "+time", "+get", "+mget"),
    *("+xrange", "+xread", "+multi", "+exec"),
]
FEED_TOKEN = "fedcba9876543210fedcba9876543210"


def request(method: str, url: str, body: str | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One request, without redirects: status, headers in lower case, body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, parts.path or "/", body, names)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


class Redis:
    """A Redis process that can be killed and started again on the same port, empty."""

    def __init__(self, processes: Processes, place: Path) -> None:
        self.processes, self.place, self.port = processes, place, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.verifier_url = f"redis://{VERIFIER}@127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url, decode_responses=True, socket_timeout=10)
        self.process = self.start()

    def start(self) -> Process:
        options = ["--port", self.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.place]
        options += ["--user", VERIFIER, "on", f">{VERIFIER_PASSWORD}", *VERIFIER_RIGHTS]
        self.process = self.processes.start("Redis", ["redis-server", *options], self.place / "redis.log")
        self.process.wait_for_port(self.port)
        return self.process

    def revoke(self, kind: str, id: str, value: int = 1) -> None:
        """Writes a fact as the contract specifies, about tokens that no auth-service issued."""
        self.client.set(f"{PREFIX}:{kind}:{id}", value, ex=1_000)


@dataclass
class Login:
    access: str
    refresh: str
    user: str


@dataclass
class AuthService:
    """The issuer with SQLite, and with its revocation list in Redis if one is given."""

    processes: Processes
    bin: Path
    place: Path
    redis_url: str | None = None
    # The public URL of the service, if it differs from its own address.
    url: str = ""
    config: Path | None = None
    users: int = 0
    process: Process = field(init=False)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.url = self.url or self.address
        self.env = {
            "AUTH__HTTP__BIND": f"127.0.0.1:{self.port}",
            "AUTH__ISSUER": self.url,
            "AUTH__DATABASE__URL": f"sqlite://{self.place}/auth.db",
            "AUTH__KEYS__MASTER_KEY_PATH": f"{self.place}/master.key",
            "AUTH__PASSWORDS__BCRYPT_COST": "4",
            # One address stands for many callers.
            "AUTH__THROTTLE__LOGINS_PER_ADDRESS_PER_MINUTE": "10000",
            "AUTH__THROTTLE__REGISTRATIONS_PER_HOUR": "10000",
            "AUTH__THROTTLE__CLIENT_FAILURES_PER_MINUTE": "10000",
            "AUTH__REVOCATION__FEED_TOKEN": FEED_TOKEN,
        }
        if self.redis_url:
            self.env["AUTH__REVOCATION__REDIS_URL"] = self.redis_url
        self.start()

    def start(self) -> None:
        log = self.place / "auth.log"
        self.process = self.processes.start("auth-service", [*self.program(), "serve"], log, self.env)
        self.process.wait_for_port(self.port)
        eventually("the auth-service is ready", lambda: request("GET", f"{self.address}/readyz")[0] == 200)

    def save(self) -> dict[Path, bytes]:
        """Stops, saves the database, and starts again."""
        self.process.stop()
        saved = {file: file.read_bytes() for file in self.place.glob("auth.db*")}
        self.start()
        return saved

    def restore(self, saved: dict[Path, bytes]) -> None:
        """Dies, goes back to a saved database, and runs after-restore before it starts."""
        self.process.kill()
        for file in self.place.glob("auth.db*"):
            file.unlink()
        for file, content in saved.items():
            file.write_bytes(content)
        self.command("after-restore", "--yes")
        self.start()

    def program(self) -> list:
        return [self.bin / "auth-service", *(["--config", self.config] if self.config else [])]

    def command(self, *words: str) -> dict | list:
        """Runs a command of its command line while the service is running."""
        command = [str(word) for word in (*self.program(), *words, "--json")]
        done = subprocess.run(command, env={**os.environ, **self.env}, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Failure(f"{' '.join(words)}: {done.stderr}")
        return json.loads(done.stdout)

    def register(self) -> str:
        self.users += 1
        name = f"user-{self.users}"
        body = json.dumps({"username": name, "password": PASSWORD})
        status, _, answer = request("POST", f"{self.address}/auth/register", body, Content_Type="application/json")
        assert status == 201, answer
        return name

    def login(self, user: str | None = None) -> Login:
        user = user or self.register()
        answer = self.post_form("/auth/token", {"username": user, "password": PASSWORD}, 200)
        return Login(answer["access_token"], answer["refresh_token"], user)

    def status(self, path: str, form: dict[str, str]) -> int:
        return self._post(path, form)[0]

    def post_form(self, path: str, form: dict[str, str], wanted: int) -> dict:
        status, answer = self._post(path, form)
        assert status == wanted, answer
        return json.loads(answer or b"{}")

    def _post(self, path: str, form: dict[str, str]) -> tuple[int, bytes]:
        kind = "application/x-www-form-urlencoded"
        status, _, answer = request("POST", self.address + path, urlencode(form), Content_Type=kind)
        return status, answer

    def revoke(self, token: str) -> None:
        self.post_form("/oauth2/revoke", {"token": token, "client_id": "first-party"}, 200)

    def post_bearer(self, path: str, token: str) -> None:
        status, _, answer = request("POST", self.address + path, Authorization=f"Bearer {token}")
        assert status == 204, answer


def write_secret(place: Path, name: str, value: str) -> Path:
    file = place / name
    file.write_text(f"{value}\n")
    return file


def start_todo_service(
    processes: Processes, bin: Path, place: Path, issuer: str, redis_url: str = "", feed_token_file: Path | None = None
) -> tuple[Process, str]:
    """Starts our own verifier, which queries Redis at each check as the samples do, or follows the feed. Returns its URL."""
    port, name = free_port(), f"todo-{time.monotonic_ns()}"
    env = {
        "TODO__HTTP__BIND": f"127.0.0.1:{port}",
        "TODO__AUTH__ISSUER": issuer,
        "TODO__AUTH__JWKS_URL": f"{issuer}/.well-known/jwks.json",
        "TODO__DATABASE__URL": f"sqlite://{place}/{name}.db",
    }
    if redis_url:
        env |= {"TODO__REVOCATION__REDIS_URL": redis_url, "TODO__REVOCATION__MODE": "lookup"}
    if feed_token_file:
        env["TODO__REVOCATION__FEED_TOKEN_FILE"] = str(feed_token_file)
    process = processes.start("todo-service", [bin / "todo-service", "serve"], place / f"{name}.log", env)
    process.wait_for_port(port)
    return process, f"http://127.0.0.1:{port}"

"""The gateway as it is shipped (deploy/Caddyfile), in front of two replicas of each service: malformed bodies of one
client must not affect other clients."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from processes import Processes, free_port
from report import Report
from services import AuthService, request, start_todo_service

CADDYFILE = Path(__file__).resolve().parents[2] / "deploy" / "Caddyfile"
SECONDS = 8
# The size of a body, in bytes, that the gateway refuses.
TOO_LARGE = 200_000


@dataclass
class Gateway:
    name: str
    port: int


def configured(port: int, replicas: dict[str, list[int]]) -> str:
    """The shipped file, with addresses instead of the names that Docker resolves."""
    config = CADDYFILE.read_text()
    for service, ports in replicas.items():
        addresses = " ".join(f"127.0.0.1:{replica}" for replica in ports)
        lookup = re.compile(r"dynamic a \{\s*name \{\$" + service + r":[^}]*\}\s*port \d+\s*refresh \w+\s*\}")
        config, found = lookup.subn(f"to {addresses}", config)
        assert found == 1, f"deploy/Caddyfile looks {service} up in another way than this test knows"
    assert "127.0.0.1:2020" in config
    config = config.replace("127.0.0.1:2020", f"127.0.0.1:{free_port()}")
    return config.replace("{$PUBLIC_ORIGIN}", f"http://127.0.0.1:{port}")


def broken(port: int, method: str, path: str, body: bytes) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    return head.encode() + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + body


def chunk(length: int) -> bytes:
    return b"%x\r\n%s\r\n" % (length, b"a" * length)


MALFORMED = b"5\r\nhelloZZZZ\r\n"
OVERSIZED = chunk(TOO_LARGE) + b"0\r\n\r\n"
TARGETS = [("POST", "/auth/login"), ("GET", "/auth/me"), ("POST", "/todos/"), ("POST", "/oauth2/token")]


def attack(port: int, until: float, sent: Counter) -> None:
    attacks = [broken(port, *target, body) for target in TARGETS for body in (MALFORMED, OVERSIZED)]
    while time.monotonic() < until:
        for request_ in attacks:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
                    stream.sendall(request_)
                    status = stream.recv(65_536).split(b" ")[1:2]
                    sent[status[0].decode() if status else "closed"] += 1
            except OSError:
                sent["closed"] += 1


def others(port: int, path: str, token: str | None, until: float, answers: Counter) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    while time.monotonic() < until:
        try:
            answers[request("GET", f"http://127.0.0.1:{port}{path}", **headers)[0]] += 1
        except OSError as error:
            answers[str(error)] += 1


def with_shipped_gateway(bin: Path, place: Path, auth: AuthService) -> Report:
    with Processes() as processes:
        # A replica is a second process on the same database.
        second = free_port()
        env = {**auth.env, "AUTH__HTTP__BIND": f"127.0.0.1:{second}"}
        replica = processes.start("auth-service 2", [bin / "auth-service", "serve"], place / "auth-2.log", env)
        replica.wait_for_port(second)
        todos = [start_todo_service(processes, bin, place, auth.url, auth.redis_url) for _ in range(2)]
        todo_ports = [int(url.rsplit(":", 1)[1]) for _, url in todos]

        port, config = free_port(), place / "shipped.Caddyfile"
        config.write_text(configured(port, {"AUTH_SERVICE": [auth.port, second], "TODO_SERVICE": todo_ports}))
        home = {"HOME": str(place), "XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)}
        command = ["caddy", "run", "--config", config, "--adapter", "caddyfile"]
        gateway = processes.start("shipped gateway", command, place / "shipped.log", home)
        gateway.wait_for_port(port)

        me = Gateway("shipped", port)
        report = Report([me], "broken bodies of strangers")
        token = auth.login().access
        until = time.monotonic() + SECONDS
        sent, keys, whoami = Counter(), Counter(), Counter()
        work = [partial(attack, port, until, sent)] * 2
        work += [partial(others, port, "/.well-known/jwks.json", None, until, keys)] * 3
        work += [partial(others, port, "/whoami", token, until, whoami)] * 3
        threads = [threading.Thread(target=one) for one in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        attacks = sum(sent.values())
        report.note(me, "malformed bodies were sent", attacks >= 2 * len(TARGETS), f"only {dict(sent)}")
        taken = {status: count for status, count in sent.items() if status.startswith("2")}
        report.note(me, "no malformed body is accepted", not taken, f"got {taken}")
        for name, answers in (("the key set", keys), ("whoami", whoami)):
            others_ok = answers[200] >= 20 and set(answers) == {200}
            report.note(me, f"{name} is served to others", others_ok, f"got {dict(answers)}")
        return report

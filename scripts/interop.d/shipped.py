"""The gateway as it is shipped (deploy/Caddyfile), in front of two replicas of each service: malformed bodies of one
client must not affect other clients, people sign in through it, and cookies of the auth-service reach no other service."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from browser import Browser
from processes import Processes, Server, free_port
from report import Report
from services import PASSWORD, AuthService, request, start_todo_service

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CADDYFILE = DEPLOY / "Caddyfile"
START = DEPLOY / "gateway" / "start.sh"
SECONDS = 8
# The size of a body, in bytes, that the gateway refuses.
TOO_LARGE = 200_000
COOKIE_SUFFIX = "-two"
# Cookies that only the auth-service may see.
KEPT_FROM_OTHERS = [
    *("__Host-session", "__Host-device", "__Secure-refresh_token", "session", "device", "refresh_token"),
    *("__Host-session-two", "__Host-device-two", "__Secure-refresh_token-two"),
    *("session-two", "device-two", "refresh_token-two", "__Host-session_elsewhere"),
]
# Cookies that every service gets. Some of them look like those above.
PASSED_ON = [
    *("theme", "__Host-access_token", "access_token-two", "my__Host-session", "sessions", "session_id", "x-device"),
    *("old_refresh_token", "last"),
]


@dataclass
class Gateway:
    name: str
    port: int


def configured(replicas: dict[str, list[int]]) -> str:
    """The shipped file, with addresses instead of the names that Docker resolves."""
    config = CADDYFILE.read_text()
    for service, ports in replicas.items():
        addresses = " ".join(f"127.0.0.1:{replica}" for replica in ports)
        lookup = re.compile(r"dynamic a \{\s*name \{\$" + service + r":[^}]*\}\s*port \d+\s*refresh \w+\s*\}")
        config, found = lookup.subn(f"to {addresses}", config)
        assert found == 1, f"deploy/Caddyfile looks {service} up in another way than this test knows"
    assert "127.0.0.1:2020" in config
    config = config.replace("127.0.0.1:2020", f"127.0.0.1:{free_port()}")
    return config.replace("{$COOKIE_SUFFIX:}", COOKIE_SUFFIX)


def buffers() -> str:
    """Debian's Caddy is older than the one of the image, and has other words for a request's body in memory."""
    version = subprocess.run(["caddy", "version"], capture_output=True, text=True, check=True).stdout
    return "buffer_requests" if re.match(r"v?2\.[0-6]\.", version) else "request_buffers 128KB"


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


class Recorder(BaseHTTPRequestHandler):
    """A service behind the gateway that returns the cookies it gets."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps(self.headers.get_all("Cookie", [])).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def start_gateway(
    processes: Processes,
    place: Path,
    name: str,
    replicas: dict[str, list[int]],
    settings: dict[str, str] | None = None,
) -> int:
    port, config = free_port(), place / f"{name}.Caddyfile"
    config.write_text(configured(replicas))
    home = {"HOME": str(place), "XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)}
    origin = {"PUBLIC_ORIGIN": f"http://127.0.0.1:{port}", "PUBLIC_PORT": str(port)}
    settings = {**home, **origin, "GATEWAY_BUFFERS": buffers(), "GATEWAY_SITES": str(place / f"{name}.sites"), **(settings or {})}
    command = ["sh", START, "caddy", "run", "--config", config, "--adapter", "caddyfile"]
    gateway = processes.start(f"{name} gateway", command, place / f"{name}.log", settings)
    gateway.wait_for_port(int(settings["PUBLIC_PORT"]))
    return int(settings["PUBLIC_PORT"])


def people(report: Report, me: Gateway, auth: AuthService) -> None:
    """Somebody signs in on the pages and, as a front end does it, at `/auth/login`; then uses the todo-service."""
    user, browser = auth.register(), Browser(f"http://127.0.0.1:{me.port}", auth.url)

    def note(case: str, wanted: object, found: object) -> None:
        report.note(me, case, found == wanted, f"wanted {wanted}, got {found}")

    form = browser.open("/")
    note("the bare address leads to the sign-in page", True, form.status == 200 and 'name="password"' in form.html)
    account = browser.sign_in(form, user)
    note("the account page after the sign-in", True, account.status == 200 and user in account.html)
    stylesheet = re.search(r'href="(/assets/[^"]+\.css)"', form.html)
    for path in (stylesheet[1], "/register", "/logout", "/account", "/login?request=nonsense"):
        note(f"{path} is served", 200, browser.send("GET", path).status)
    # Only reached with a request or with a link: the auth-service answers, not the gateway.
    for path in ("/consent", "/continue", "/forgot-password", "/reset-password", "/verify-email", "/account/sessions"):
        page = browser.send("GET", path)
        note(f"{path} reaches the auth-service", False, page.html == "Not found")
    for path in ("/docs", "/metrics", "/readyz", "/revocations", "/registered", "/accoun", "/assets"):
        note(f"{path} is not reachable", (404, "Not found"), ((page := browser.send("GET", path)).status, page.html))
    body = json.dumps({"username": user, "password": PASSWORD})
    login = browser.send("POST", "/auth/login", body, Content_Type="application/json", Origin=auth.url)
    note("a login with cookies", 204, login.status)
    expected = {"session", "device", "access_token", "refresh_token"}
    note("the cookies of both ways", expected, set(browser.cookies))
    note("the todo-service takes the access cookie", 200, browser.send("GET", "/whoami").status)
    note("the browser session goes on", 200, browser.send("GET", "/account").status)


def cookies_of_others(report: Report, me: Gateway, processes: Processes, place: Path, auth: AuthService) -> None:
    """What another service sees of a browser's cookies: it gets them in any order, with and without spaces."""
    recorder = Server(Recorder)
    port = start_gateway(processes, place, "cookies", {"AUTH_SERVICE": [auth.port], "TODO_SERVICE": [recorder.port]})

    def check(case: str, sent: str, wanted: str) -> None:
        _, _, body = request("GET", f"http://127.0.0.1:{port}/whoami", Cookie=sent)
        found = "; ".join(json.loads(body))
        report.note(me, case, found == wanted, f"wanted {wanted!r}, got {found!r}")

    pairs = [f"{name}=v-{name}" for name in KEPT_FROM_OTHERS]
    passed = [f"{name}=a==; {name}2=__Host-session" for name in PASSED_ON]
    check("only cookies of the auth-service", "; ".join(pairs), "")
    check("all other cookies", "; ".join(passed), "; ".join(passed))
    check("in front of others", "; ".join(pairs + passed), "; ".join(passed))
    check("behind others", "; ".join(passed + pairs), "; ".join(passed))
    for name in KEPT_FROM_OTHERS:
        check(f"{name} between others", f"a=1; {name}=x; b=2", "a=1; b=2")
        check(f"{name} twice, without spaces", f"{name}=x;a=1;{name}=;b=2;{name}", f"a=1;b=2;{name}")


def ask(port: int, host: str, *more: str, path: str = "/whoami", tls: bool = False) -> tuple[int, dict[str, str], str]:
    """One request with this `Host`, whatever the address is, and with these header lines."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=10)
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        stream = context.wrap_socket(stream, server_hostname="localhost")
    with stream:
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *more]
        stream.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        answer = b"".join(iter(partial(stream.recv, 65_536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    status, *headers = head.split("\r\n")
    named = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in headers)}
    return int(status.split(" ")[1]), named, body


class Forwarded(Recorder):
    """A service behind the gateway that returns whom the gateway names as the client."""

    def do_GET(self) -> None:
        self.headers["Cookie"] = f"{self.headers['X-Forwarded-For']} {self.headers['X-Forwarded-Proto']}"
        super().do_GET()


def hosts(report: Report, me: Gateway, processes: Processes, place: Path, replicas: dict[str, list[int]]) -> None:
    """Hosts that are not ours, https with its redirect, and TLS that another proxy ends."""

    def note(case: str, wanted: object, found: object) -> None:
        report.note(me, case, found == wanted, f"wanted {wanted}, got {found}")

    note("an unknown host over http", 421, ask(me.port, "evil.example")[0])
    note("our own host", 401, ask(me.port, f"127.0.0.1:{me.port}")[0])

    port, plain = free_port(), free_port()
    https = {"PUBLIC_ORIGIN": f"https://localhost:{port}", "PUBLIC_PORT": str(port), "GATEWAY_REDIRECT_PORT": str(plain)}
    start_gateway(processes, place, "https", replicas, https)
    status, headers, _ = ask(port, f"localhost:{port}", tls=True)
    note("https", (401, None), (status, headers.get("alt-svc")))
    note("an unknown host over https", 421, ask(port, "evil.example", tls=True)[0])
    status, headers, _ = ask(plain, "localhost", path="/a?b=c")
    note("http redirects to https", (308, f"https://localhost:{port}/a?b=c"), (status, headers.get("location")))
    note("an unknown host is not redirected", 421, ask(plain, "evil.example")[0])

    service = Server(Forwarded)
    behind = {"AUTH_SERVICE": [service.port], "TODO_SERVICE": [service.port]}
    named = ("X-Forwarded-For: 2001:db8::7", "X-Forwarded-Proto: https")
    for name, believed, wanted in (
        ("a proxy that ends TLS is believed", "127.0.0.1 10.0.0.0/8", "2001:db8::7, 127.0.0.1 https"),
        ("another one is not", "10.0.0.0/8", "127.0.0.1 http"),
    ):
        port = free_port()
        ended = {"PUBLIC_ORIGIN": "https://id.example.com", "PUBLIC_PORT": str(port), "TLS_ENDED_BY": believed}
        start_gateway(processes, place, f"ended-{port}", behind, ended)
        note(name, [wanted], json.loads(ask(port, "id.example.com", *named)[2]))
        note("and still knows its host", 421, ask(port, "evil.example", *named)[0])

    for origin, published, reason in (
        ("http://localhost:8080", "80", "PUBLIC_PORT is 80"),
        ("https://id.example.com", "8443", "PUBLIC_PORT is 8443"),
        ("https://id.example.com/id", "443", "no path"),
        ("https://id.example.com/", "443", "no path"),
        ('"https://id.example.com"', "443", "must begin with"),
        ("id.example.com", "443", "must begin with"),
    ):
        env = {"PUBLIC_ORIGIN": origin, "PUBLIC_PORT": published, "GATEWAY_SITES": str(place / "refused.sites")}
        ended = subprocess.run(["sh", START, "true"], env={"PATH": os.environ["PATH"], **env}, capture_output=True, text=True)
        refused = ended.returncode == 1 and reason in ended.stderr and len(ended.stderr.splitlines()) == 1
        report.note(me, f"{origin} at port {published} is refused", refused, f"got {ended.returncode}: {ended.stderr}")


def with_shipped_gateway(bin: Path, place: Path, auth: AuthService) -> Report:
    with Processes() as processes:
        # A replica is a second process on the same database.
        second = free_port()
        env = {**auth.env, "AUTH__HTTP__BIND": f"127.0.0.1:{second}"}
        replica = processes.start("auth-service 2", [bin / "auth-service", "serve"], place / "auth-2.log", env)
        replica.wait_for_port(second)
        todos = [start_todo_service(processes, bin, place, auth.url, auth.redis_url) for _ in range(2)]
        todo_ports = [int(url.rsplit(":", 1)[1]) for _, url in todos]

        replicas = {"AUTH_SERVICE": [auth.port, second], "TODO_SERVICE": todo_ports}
        port = start_gateway(processes, place, "shipped", replicas)

        me = Gateway("shipped", port)
        report = Report([me], "pages, cookies, broken bodies of strangers")
        people(report, me, auth)
        cookies_of_others(report, me, processes, place, auth)
        hosts(report, me, processes, place, replicas)
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

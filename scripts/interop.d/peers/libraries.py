"""The libraries. One program for each language uses them as clients and as resource servers."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from processes import Processes, free_port
from verifiers import Program, Service

from peers.tls import Authority

ANSWER_LIMIT_S = 30
TOKENS = ("client_credentials", "password", "authorization_code", "refresh")
LOGIN = ("log_in", "userinfo", "end_session")
WHOLE = ("discover", *TOKENS, "revoke", "introspect", "narrow", "public", "post")
# The features of each library. A case for a feature that a library lacks is left out. Besides the names of endpoints
# and grants: `narrow`: `scope` and `resource` with every grant; `public`, `post`: ways to authenticate; `oidc`: the
# OpenID Connect discovery document; `log_in`: the whole code flow with an id_token; `profile`: userinfo comes with the
# login, and a refresh takes what the login returned; `encodes` or `leaves`: whether the library form-encodes id and
# secret for Basic.
CLIENTS = {
    "authlib": ("python", (*WHOLE, *LOGIN, "leaves")),
    "requests-oauthlib": ("python", (*TOKENS, "narrow", "encodes")),
    "openid-client": ("node", (*WHOLE, *LOGIN, "oidc", "encodes")),
    "oauth4webapi": ("node", (*WHOLE, *LOGIN, "introspect_signed", "oidc", "encodes")),
    "oidc-client-ts": ("node", ("log_in", "profile", "end_session")),
    "x/oauth2": ("go", (*TOKENS, "encodes")),
    "go-oidc": ("go", LOGIN),
}
OFFLINE = {
    "authlib": ("python", "offline"),
    "express-oauth2-jwt-bearer": ("node", "express-oauth2-jwt-bearer"),
    "jwks-rsa": ("node", "jwks-rsa"),
    "oauth4webapi": ("node", "oauth4webapi"),
    "go-jose": ("go", "go-jose"),
    "Spring": ("java", "offline"),
}
INTROSPECTING = {"authlib, asking": ("python", "introspecting"), "Spring, asking": ("java", "introspecting")}


@dataclass(frozen=True)
class Registered:
    """The client registration that a library is configured with."""

    id: str
    secret: str | None = None
    method: str | None = None

    def but(self, **changes: str | None) -> Registered:
        return replace(self, **changes)

    def document(self) -> dict[str, str]:
        members = {"id": self.id, "secret": self.secret, "method": self.method}
        return {name: value for name, value in members.items() if value is not None}


@dataclass
class Library:
    """A client library in its program. Several libraries may share one program."""

    name: str
    can: tuple[str, ...]
    program: Program
    lock: threading.Lock

    def do(self, what: str, client: Registered | None = None, **parameters: str | dict) -> dict:
        """`ok` with the library's result, the `error` that it reports, or something `unexpected`."""
        question = {"library": self.name, "do": what, "parameters": parameters}
        if client:
            question["client"] = client.document()
        with self.lock:
            return json.loads(self.program.ask(json.dumps(question)))


class Libraries:
    """All libraries, in running programs."""

    def __init__(
        self,
        processes: Processes,
        place: Path,
        built: Path,
        authority: Authority,
        issuer: str,
        audience: str,
        asks: Registered,
        web_app: Registered,
        told: dict[str, Registered],
    ) -> None:
        commands = {
            "python": [built / "venv/bin/python", built / "python/main.py"],
            "node": ["node", built / "node/main.mjs"],
            "go": [built / "go/sample"],
            "java": ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *authority.java_options()]
            + ["-cp", f"{built}/java/target/classes:{built}/java/target/dependency/*", "org.example.ResourceServer"],
        }
        ports = {language: free_port() for language in commands}
        env = {**authority.environment(), "ISSUER": issuer, "AUDIENCE": audience, "NODE_ENV": "production"}
        env |= {"CLIENT_ID": asks.id, "CLIENT_SECRET": asks.secret}
        env |= {"WEB_APP_ID": web_app.id, "WEB_APP_SECRET": web_app.secret}
        for name, client in (("SIGN_OUT", told["express-openid-connect"]), ("LOGIN", told["Spring"])):
            env |= {f"{name}_ID": client.id, f"{name}_SECRET": client.secret}
        started, programs = {}, {}
        for language, command in commands.items():
            mine = {**env, "PORT": str(ports[language]), "SERVER_PORT": str(ports[language])}
            name = f"oauth-{language}"
            if language == "java":  # a server alone
                started[language] = processes.start(name, command, place / f"{name}.log", mine)
                continue
            programs[language] = Program(name, command, processes, place, mine, ANSWER_LIMIT_S)
            started[language] = programs[language].process
        self.web_app = f"http://127.0.0.1:{ports['node']}"
        self.told = {"express-openid-connect": self.web_app, "Spring": f"http://127.0.0.1:{ports['java']}"}
        locks = {language: threading.Lock() for language in programs}
        self.clients = [
            Library(name, can, programs[language], locks[language]) for name, (language, can) in CLIENTS.items()
        ]

        def service(name: str, language: str, path: str) -> Service:
            return Service(name, f"http://127.0.0.1:{ports[language]}/{path}", started[language])

        self.offline = [service(name, *where) for name, where in OFFLINE.items()]
        self.introspecting = [service(name, *where) for name, where in INTROSPECTING.items()]
        for language, process in started.items():
            process.wait_for_port(ports[language])

    def that_can(self, *abilities: str) -> list[Library]:
        return [library for library in self.clients if set(abilities) <= set(library.can)]

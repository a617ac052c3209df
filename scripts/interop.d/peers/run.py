"""Runs the cases for the libraries of other projects."""

from __future__ import annotations

from pathlib import Path

from processes import Processes, free_port
from report import Report
from services import AUDIENCE, AuthService

from peers import (
    authorization_code,
    client_credentials,
    client_secrets,
    discovery,
    introspection,
    login,
    password,
    refresh,
    resource_servers,
    revocation,
    sign_out,
)
from peers.libraries import Libraries
from peers.setting import Setting, declaration
from peers.sign_out import Application
from peers.table import Table
from peers.tls import Authority

TABLES = {
    "discover": discovery,
    "client_credentials": client_credentials,
    "password": password,
    "authorization_code": authorization_code,
    "refresh": refresh,
    "introspect": introspection,
    "revoke": revocation,
}


def with_libraries(bin: Path, place: Path, built: Path) -> list[Report]:
    """Runs each client feature with the libraries that have it, then the resource servers."""
    place = place / "oauth"
    place.mkdir()
    reports = []

    def group(name: str, able: list) -> Report:
        reports.append(report := Report(able, name))
        return report

    with Processes() as processes:
        authority, port = Authority(place), free_port()
        config = place / "auth.toml"
        config.write_text(declaration())
        auth = AuthService(processes, bin, place, url=f"https://localhost:{port}", config=config)
        authority.serve(processes, port, auth.port)
        setting = Setting(auth)
        libraries = Libraries(
            processes,
            place,
            built,
            authority,
            auth.url,
            AUDIENCE,
            asks=setting.api,
            web_app=setting.web_app,
            told=setting.told,
        )
        for what, table in TABLES.items():
            table.cases(Table(group(what.replace("_", " "), libraries.that_can(what)), setting))
        logs_in = libraries.that_can("log_in")
        login.cases(Table(group("log in", logs_in), setting), authority)
        by_openid_client = [library for library in logs_in if library.name == "openid-client"]
        login.web_app(group("web application", by_openid_client), setting, authority, libraries.web_app)
        applications = [Application(name, address) for name, address in libraries.told.items()]
        sign_out.cases(group("sign out", applications), setting, authority)
        client_secrets.cases(Table(group("secrets", libraries.that_can("client_credentials")), setting))
        servers = [*libraries.offline, *libraries.introspecting]
        resource_servers.tokens(group("resource servers", servers), setting, libraries)
        resource_servers.rotation(group("rotation", servers), setting, libraries)
    return reports

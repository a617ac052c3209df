"""Verification of tokens by resource server libraries of other projects."""

from __future__ import annotations

from processes import eventually
from report import Report

from peers.answers import part
from peers.forgeries import forgeries
from peers.libraries import Libraries
from peers.setting import API, Setting
from peers.table import login, service_token


def tokens(report: Report, setting: Setting, libraries: Libraries) -> None:
    """Offline verifiers do not know the revocation list: docs/verify shows how to query it."""
    client = libraries.clients[0]
    good = login(client, setting)
    report.ask("a user's token", f"200 {part(good.access, 1)['sub']}", good.access)
    report.ask("a service's token", f"200 {setting.service.id}", service_token(client, setting))
    report.ask("of the scope that is needed alone", "200", login(client, setting, scope="todos:read").access)
    report.ask("without the scope", "403", login(client, setting, scope="todos:write").access)
    report.ask("for another audience", "401", service_token(client, setting, resource=API))
    report.ask("a refresh token", "401", good.refresh)
    own = login(client, setting, asks=setting.api)
    report.ask("a token that its own client got", "200", own.access)
    report.ask("a refresh token that its own client got", "401", own.refresh)
    report.ask("no token", "401", "garbage")
    for name, token in forgeries(setting, good.access).items():
        report.ask(name, "401", token)
    client.do("revoke", setting.trusted, token=good.refresh)
    wanted = {server.name: "200" for server in libraries.offline}
    wanted |= {server.name: "401" for server in libraries.introspecting}
    report.ask("revoked", wanted, good.access)


def rotation(report: Report, setting: Setting, libraries: Libraries) -> None:
    """A new key that no server knows signs at once; then the old key is dropped as compromised."""
    client = libraries.clients[0]

    def token_and_kid() -> tuple[str, str]:
        token = service_token(client, setting)
        return token, part(token, 0)["kid"]

    before, kid = token_and_kid()
    setting.auth.command("keys", "rotate", "--now")
    eventually("another key signs", lambda: token_and_kid()[1] != kid)
    after, _ = token_and_kid()
    report.comes_to("of the new key", "200", after)
    report.ask("of the old key", "200", before)
    setting.auth.command("keys", "rotate", "--compromised", kid)
    asking = Report(libraries.introspecting, report.group)
    asking.comes_to("of the stolen key", "401", before)
    report.add(asking)
    report.ask("of the new key, still", "200", after)

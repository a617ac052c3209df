"""Introspection (RFC 7662), and signed responses (RFC 9701) for libraries that support them."""

from __future__ import annotations

from collections.abc import Callable

from peers.answers import Complaint, exactly, part, verdict, with_members
from peers.libraries import Library, Registered
from peers.setting import API
from peers.table import Table, login, service_token

INACTIVE = exactly({"active": False})
CLAIMS = ("iss", "sub", "aud", "client_id", "exp", "iat", "jti", "scope", "username")


def cases(table: Table) -> None:
    for what in ("introspect", "introspect_signed"):
        _answers(table, what)
    setting = table.setting

    def refused(case: str, client: Registered) -> None:
        def answer(library: Library) -> str:
            return verdict(library.do("introspect", client, token=service_token(library, setting)))

        table.ask(case, "invalid_client", answer)

    refused("a wrong secret", setting.api.but(secret="lks_wrong"))
    refused("a public client", setting.app)


def _answers(table: Table, what: str) -> None:
    setting = table.setting
    signed = ", signed" if what == "introspect_signed" else ""

    def case(name: str, asks: Registered, token: Callable[[Library], str], complaint: Complaint) -> None:
        def answer(library: Library) -> str:
            return verdict(library.do(what, asks, token=token(library)), complaint)

        table.ask(f"{name}{signed}", "ok", answer, what)

    def as_the_token_says(library: Library) -> str:
        token = login(library, setting).access
        wanted = {name: part(token, 1)[name] for name in CLAIMS}
        return verdict(library.do(what, setting.api, token=token), with_members(active=True, **wanted))

    def refresh_token(library: Library) -> str:
        return login(library, setting).refresh

    table.ask(f"an access token{signed}", "ok", as_the_token_says, what)
    case("no token", setting.api, lambda _: "garbage", INACTIVE)
    case("a token for others", setting.api, lambda x: service_token(x, setting, resource=API), INACTIVE)
    case("a token, asked by a stranger", setting.stranger, lambda x: service_token(x, setting), INACTIVE)
    # A refresh token is active only with `token_type_hint=refresh_token`. These libraries ask about a bearer token.
    case("a refresh token", setting.trusted, refresh_token, INACTIVE)
    case("another client's refresh token", setting.other, refresh_token, INACTIVE)

"""RFC 7009: each library revokes a token, and checks the effect by introspection."""

from __future__ import annotations

from peers.answers import token_of, verdict
from peers.libraries import Library
from peers.table import Table, login


def cases(table: Table) -> None:
    setting = table.setting
    client = setting.trusted

    def is_active(library: Library, token: str) -> bool:
        return token_of(library.do("introspect", client, token=token), "active")

    def one(library: Library) -> str:
        tokens = login(library, setting)
        sister = token_of(library.do("refresh", client, refresh_token=tokens.refresh))
        said = verdict(library.do("revoke", client, token=tokens.access))
        return f"{said}: {is_active(library, tokens.access)}, {is_active(library, sister)}"

    def session(library: Library) -> str:
        tokens = login(library, setting)
        said = verdict(library.do("revoke", client, token=tokens.refresh))
        again = library.do("refresh", client, refresh_token=tokens.refresh)
        return f"{said}: {is_active(library, tokens.access)}, {verdict(again)}"

    def foreign(library: Library) -> str:
        token = login(library, setting).access
        said = verdict(library.do("revoke", setting.other, token=token))
        return f"{said}: {is_active(library, token)}"

    table.ask("an access token dies alone", "ok: False, True", one)
    table.ask("a refresh token dies with its session", "ok: False, invalid_grant", session)
    table.ask("another client's token lives on", "ok: True", foreign)
    table.refused("an unknown token", "ok", "revoke", client, token="lkr_unknown")
    wrong = client.but(secret="lks_wrong")
    table.refused("a wrong secret", "invalid_client", "revoke", wrong, token="lkr_unknown")

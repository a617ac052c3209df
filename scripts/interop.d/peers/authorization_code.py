"""RFC 6749 §4.1.3 with RFC 7636: an app redeems the code after the redirect."""

from __future__ import annotations

from peers.answers import token_of, verdict, with_tokens
from peers.codes import Code, give_code
from peers.libraries import Library, Registered
from peers.setting import AUDIENCES
from peers.table import Table

WHAT = "authorization_code"


def cases(table: Table) -> None:
    setting = table.setting

    def redeem(library: Library, client: Registered, code: Code) -> dict:
        return library.do(WHAT, client, **code.parameters())

    def tokens(library: Library, client: Registered = setting.web) -> str:
        own = {"client_id": client.id, "username": setting.user, "amr": ["pwd"], "aud": AUDIENCES}
        answer = redeem(library, client, give_code(setting, client))
        return verdict(answer, with_tokens(refreshes=True, **own))

    def twice(library: Library) -> str:
        code = give_code(setting, setting.web)
        first = redeem(library, setting.web, code)
        said = verdict(redeem(library, setting.web, code))
        again = library.do("refresh", setting.web, refresh_token=token_of(first, "refresh_token"))
        return f"{verdict(first)}, {said}, {verdict(again)}"

    def refused(library: Library, client: Registered = setting.web, **changes: str) -> str:
        code = give_code(setting, setting.web)
        for name, value in changes.items():
            setattr(code, name, value)
        return verdict(redeem(library, client, code))

    table.ask("a code", "ok", tokens)
    table.ask("a code, a public client", "ok", lambda x: tokens(x, setting.page), "public")
    table.ask("a code twice: what it gave ends", "ok, invalid_grant, invalid_grant", twice)
    table.ask("another verifier", "invalid_grant", lambda x: refused(x, code_verifier="x" * 43))
    table.ask("another redirect", "invalid_grant", lambda x: refused(x, redirect_uri="https://app.example/other"))
    table.ask("an unknown code", "invalid_grant", lambda x: refused(x, code="lkc_unknown"))
    table.ask("another client's code", "invalid_grant", lambda x: refused(x, setting.web_too))
    table.ask("a wrong secret", "invalid_client", lambda x: refused(x, setting.web.but(secret="lks_wrong")))

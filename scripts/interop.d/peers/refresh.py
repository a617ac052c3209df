"""Refresh (RFC 6749 §6), with rotation."""

from __future__ import annotations

from peers.answers import token_of, verdict, with_members, with_tokens
from peers.libraries import Library, Registered
from peers.table import Table, login


def cases(table: Table) -> None:
    setting = table.setting
    client = setting.trusted

    def go_on(library: Library, token: str, client: Registered = client, **parameters: str) -> dict:
        return library.do("refresh", client, refresh_token=token, **parameters)

    def first(library: Library) -> str:
        return login(library, setting).refresh

    def rotates(library: Library) -> str:
        parent = first(library)
        answer = go_on(library, parent)
        said = verdict(answer, with_tokens(refreshes=True, username=setting.user))
        return "the same token again" if said == "ok" and token_of(answer, "refresh_token") == parent else said

    def narrows(library: Library) -> str:
        narrow = go_on(library, first(library), scope="todos:read")
        said = verdict(narrow, with_tokens(scope="todos:read", refreshes=True))
        if said != "ok":
            return said
        return verdict(go_on(library, token_of(narrow, "refresh_token")), with_tokens(refreshes=True))

    def again(library: Library) -> str:
        parent = first(library)
        child = token_of(go_on(library, parent), "refresh_token")
        return verdict(go_on(library, parent), with_members(refresh_token=child))

    def reuse(library: Library) -> str:
        grandparent = first(library)
        parent = token_of(go_on(library, grandparent), "refresh_token")
        child = token_of(go_on(library, parent), "refresh_token")
        return f"{verdict(go_on(library, grandparent))}, then {verdict(go_on(library, child))}"

    def refused(case: str, wanted: str, client: Registered, *needs: str, **parameters: str) -> None:
        table.ask(case, wanted, lambda x: verdict(go_on(x, first(x), client, **parameters)), *needs)

    table.ask("another refresh token each time", "ok", rotates)
    table.ask("a narrower scope, for the access token alone", "ok", narrows, "narrow")
    table.ask("the answer was lost: the same successor", "ok", again)
    table.ask("an older one: the session ends", "invalid_grant, then invalid_grant", reuse)
    refused("a wider scope", "invalid_scope", client, "narrow", scope="todos:read profile")
    refused("another client's", "invalid_grant", setting.other)
    refused("a wrong secret", "invalid_client", client.but(secret="lks_wrong"))
    table.refused("an unknown one", "invalid_grant", "refresh", client, refresh_token="lkr_unknown")

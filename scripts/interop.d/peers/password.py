"""The password grant (RFC 6749 §4.3), for clients that have it."""

from __future__ import annotations

from services import PASSWORD

from peers.answers import with_tokens
from peers.setting import API, AUDIENCES
from peers.table import Table

WHAT = "password"


def cases(table: Table) -> None:
    client, user = table.setting.trusted, table.setting.user
    app = table.setting.app
    login = {"username": user, "password": PASSWORD}
    own = {"refreshes": True, "client_id": client.id, "username": user, "amr": ["pwd"]}
    table.good("a token", WHAT, client, with_tokens(aud=AUDIENCES, **own), **login)
    table.good("a narrower scope", WHAT, client, with_tokens(scope="todos:read", **own), scope="todos:read", **login)
    table.good("one resource", WHAT, client, with_tokens(aud=[API], **own), "narrow", resource=API, **login)
    table.good("a public client", WHAT, app, with_tokens(**{**own, "client_id": app.id}), "public", **login)
    table.refused("a wrong password", "invalid_grant", WHAT, client, **{**login, "password": "wrong horse"})
    table.refused("an unknown user", "invalid_grant", WHAT, client, **{**login, "username": "nobody"})
    table.grant_refused(WHAT, client, **login)

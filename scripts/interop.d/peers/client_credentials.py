"""The client credentials grant (RFC 6749 §4.4)."""

from __future__ import annotations

from peers.answers import with_tokens
from peers.setting import API, AUDIENCES
from peers.table import Table

WHAT = "client_credentials"


def cases(table: Table) -> None:
    client = table.setting.service
    own = {"iss": table.setting.url, "sub": client.id, "client_id": client.id}
    own |= dict.fromkeys(("sid", "username", "roles", "auth_time", "amr", "acr"), ...)
    good = with_tokens(aud=AUDIENCES, **own)
    table.good("a token", WHAT, client, good)
    table.good("the secret in the form", WHAT, client.but(method="client_secret_post"), good, "post")
    table.good("a narrower scope", WHAT, client, with_tokens(scope="todos:read", **own), scope="todos:read")
    table.good("one resource", WHAT, client, with_tokens(aud=[API], **own), resource=API)
    table.grant_refused(WHAT, client)

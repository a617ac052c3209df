"""Discovery by each library. It must refuse the document of another issuer."""

from __future__ import annotations

from peers.answers import verdict, with_members
from peers.table import Table


def cases(table: Table) -> None:
    issuer = table.setting.url
    wanted = with_members(
        issuer=issuer,
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        token_endpoint=f"{issuer}/oauth2/token",
        revocation_endpoint=f"{issuer}/oauth2/revoke",
        introspection_endpoint=f"{issuer}/oauth2/introspect",
    )
    for algorithm, needs in (("oauth2", ()), ("oidc", ("oidc",))):

        def found(library, algorithm: str = algorithm) -> str:
            return verdict(library.do("discover", algorithm=algorithm), wanted)

        table.ask(f"the document, {algorithm}", "ok", found, *needs)
    elsewhere = issuer.replace("localhost", "127.0.0.1")
    table.ask(
        "the document of another issuer",
        "refused",
        lambda library: "refused" if "unexpected" in library.do("discover", issuer=elsewhere) else "taken",
    )

"""The registered clients and a user."""

from __future__ import annotations

import json

from services import AUDIENCE, AuthService

from peers.libraries import Registered

API = "https://api.example/notes"
AUDIENCES = [AUDIENCE, API]
SCOPES = "todos:read todos:write"
PROFILE_SCOPES = "openid profile email offline_access"
REDIRECT = "https://app.example/callback"
# The port of a loopback address may differ (RFC 8252 §7.3).
WEB_APP_REDIRECT = "http://127.0.0.1/web-app/callback"
ODD_ID = "bücher:%2B+&="
ODD_SECRET = "a:b%zz%2B+c&d=e?f#g/h;i@j!k$l(m)*n,o^p~q|r"
# Ids and secrets that an operator chose, by the unusual property they have.
DECLARED = {
    "an odd secret": Registered("declared", ODD_SECRET),
    "an odd id": Registered(ODD_ID, ODD_SECRET[::-1]),
}


def declaration() -> str:
    """The issuer's configuration, which declares these clients."""
    tables = (
        f"[[clients]]\nid = '{client.id}'\nsecret = '{client.secret}'\n"
        f'grants = ["client_credentials"]\nscopes = {json.dumps(SCOPES.split())}\n'
        for client in DECLARED.values()
    )
    return "\n".join(tables)


class Setting:
    """Creates clients and a user with the issuer's commands."""

    def __init__(self, auth: AuthService) -> None:
        self.auth, self.url, self.declared = auth, auth.url, DECLARED
        self.service = self.create("service", "client_credentials")
        self.trusted = self.create("trusted", "password,refresh_token")
        self.other = self.create("other", "password,refresh_token")
        self.app = self.create("app", "password,refresh_token", public=True)
        self.web = self.create("web", "authorization_code,refresh_token")
        self.web_too = self.create("web too", "authorization_code,refresh_token")
        self.page = self.create("page", "authorization_code,refresh_token", public=True)
        self.shop = self.create("shop", "authorization_code,refresh_token", scopes=f"{PROFILE_SCOPES} {SCOPES}")
        self.shop_page = self.create("shop page", "authorization_code", public=True, scopes=PROFILE_SCOPES)
        self.web_app = self.create("web app", "authorization_code", scopes="openid profile", redirect=WEB_APP_REDIRECT)
        # A resource server that introspects is a client too. It may also log users in, as a back end with one client
        # does.
        self.api = self.create("api", "client_credentials,password,refresh_token", audiences=[AUDIENCE])
        self.stranger = self.create("stranger", "client_credentials", audiences=["https://stranger.example"])
        self.user = auth.register()

    def create(
        self,
        name: str,
        grants: str,
        audiences: list[str] = AUDIENCES,
        public: bool = False,
        scopes: str = SCOPES,
        redirect: str = REDIRECT,
    ) -> Registered:
        what = ["--name", name, "--grants", grants, "--scopes", scopes, "--audiences", ",".join(audiences)]
        if "authorization_code" in grants:
            what += ["--redirect-uris", redirect]
        made = self.auth.command("clients", "create", *what, *(["--public"] if public else []))
        return Registered(made["client_id"], made.get("client_secret"))

    def without(self, grant: str) -> Registered:
        """A client without this grant type."""
        return self.trusted if grant == "client_credentials" else self.service

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
SIGNED_OUT = "https://app.example/signed-out?shop=1"
# The port of a loopback address may differ (RFC 8252 §7.3).
WEB_APP_REDIRECT = "http://127.0.0.1/web-app/callback"
# Where the applications that are told of a sign-out have their pages, at a port of this address.
TOLD = {
    "express-openid-connect": ("/sign-out/callback", "/sign-out", "/sign-out/backchannel-logout"),
    "Spring": ("/login/oauth2/code/latchkey", "/signed-out", "/logout/connect/back-channel/latchkey"),
}
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
        self.told = {
            name: self.create(
                name,
                "authorization_code",
                scopes="openid profile",
                redirect=f"http://127.0.0.1{callback}",
                signed_out=f"http://127.0.0.1{signed_out}",
            )
            for name, (callback, signed_out, _) in TOLD.items()
        }
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
        signed_out: str = SIGNED_OUT,
    ) -> Registered:
        what = ["--name", name, "--grants", grants, "--scopes", scopes, "--audiences", ",".join(audiences)]
        if "authorization_code" in grants:
            what += ["--redirect-uris", redirect, "--post-logout-redirect-uris", signed_out]
        made = self.auth.command("clients", "create", *what, *(["--public"] if public else []))
        return Registered(made["client_id"], made.get("client_secret"))

    def tell(self, name: str, address: str) -> None:
        """Has the application at this address told of sign-outs."""
        what = ["--backchannel-logout-uri", f"{address}{TOLD[name][2]}"]
        self.auth.command("clients", "update", self.told[name].id, *what)

    def without(self, grant: str) -> Registered:
        """A client without this grant type."""
        return self.trusted if grant == "client_credentials" else self.service

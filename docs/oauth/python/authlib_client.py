"""A client of the issuer by Authlib: login, tokens, refresh, revocation, introspection."""

from __future__ import annotations

import requests
from authlib.common.security import generate_token
from authlib.common.urls import add_params_to_uri
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

TIMEOUT_S = 5


def discover(issuer: str) -> AuthorizationServerMetadata:
    """Where the issuer's endpoints are (RFC 8414), and whether the document keeps to its rules."""
    answer = requests.get(get_well_known_url(issuer, external=True), timeout=TIMEOUT_S, allow_redirects=False)
    answer.raise_for_status()
    metadata = AuthorizationServerMetadata(answer.json())
    metadata.validate()
    if metadata["issuer"] != issuer:  # Authlib leaves this to us
        raise ValueError("the document is another issuer's")
    return metadata


class Client:
    """A registered client: with a secret, or public without."""

    def __init__(self, issuer: str, client_id: str, client_secret: str | None, method: str | None = None) -> None:
        self.metadata = discover(issuer)
        self.session = OAuth2Session(
            client_id,
            client_secret,
            token_endpoint=self.metadata["token_endpoint"],
            token_endpoint_auth_method=method,  # None: client_secret_basic with a secret, none without
            revocation_endpoint_auth_method=method,
            code_challenge_method="S256",
            default_timeout=TIMEOUT_S,
        )

    def client_credentials(self, **parameters: str) -> dict:
        """A token of the client's own. `scope` narrows it, `resource` picks whom it is for (RFC 8707)."""
        return self.session.fetch_token(grant_type="client_credentials", **parameters)

    def password(self, username: str, password: str, **parameters: str) -> dict:
        return self.session.fetch_token(grant_type="password", username=username, password=password, **parameters)

    def begin(self, redirect_uri: str, scope: str, **parameters: str) -> dict:
        """Where to send a person's browser, and what to keep in the session of that browser until it is back."""
        kept = {"code_verifier": generate_token(48), "nonce": generate_token(32), "redirect_uri": redirect_uri}
        url, kept["state"] = self.session.create_authorization_url(
            self.metadata["authorization_endpoint"], scope=scope, **kept, **parameters
        )
        return {"url": url, "kept": kept}

    def log_in(self, callback: str, kept: dict) -> dict:
        """The tokens, and the claims of the id_token."""
        tokens = self.authorization_code(callback, kept["state"], kept["code_verifier"], kept["redirect_uri"])
        return {**tokens, "claims": self.claims(tokens, kept["nonce"])}

    def claims(self, tokens: dict, nonce: str | None = None) -> dict:
        """The claims of an id_token. One that came with a refresh has no nonce."""
        keys = requests.get(self.metadata["jwks_uri"], timeout=TIMEOUT_S, allow_redirects=False)
        keys.raise_for_status()
        token = jwt.decode(tokens["id_token"], KeySet.import_key_set(keys.json()), algorithms=["RS256"])
        expected = {"iss": self.metadata["issuer"], "aud": self.session.client_id}
        options = {name: {"essential": True, "value": value} for name, value in expected.items()}
        checked = {"nonce": nonce, "client_id": self.session.client_id, "access_token": tokens["access_token"]}
        claims = CodeIDToken(token.claims, token.header, options, checked)
        claims.validate(leeway=30)
        return dict(claims)

    def userinfo(self, token: str, sub: str) -> dict:
        """What the issuer tells of a person. `sub` is that of the id_token: an answer about somebody else is refused."""
        self.session.token = {"access_token": token, "token_type": "Bearer"}
        answer = self.session.get(self.metadata["userinfo_endpoint"], allow_redirects=False)
        answer.raise_for_status()
        if answer.json()["sub"] != sub:
            raise ValueError("the answer is about somebody else")
        return answer.json()

    def end_session(self, **parameters: str) -> dict:
        """Where to send the browser to sign out at the issuer, too."""
        return {"url": add_params_to_uri(self.metadata["end_session_endpoint"], list(parameters.items()))}

    def authorization_code(self, callback: str, state: str, code_verifier: str, redirect_uri: str) -> dict:
        """`callback` is the address that the browser was sent back to."""
        return self.session.fetch_token(
            authorization_response=callback, state=state, code_verifier=code_verifier, redirect_uri=redirect_uri
        )

    def refresh(self, refresh_token: str, **parameters: str) -> dict:
        """Each refresh token serves once: keep the one in the answer."""
        return self.session.refresh_token(refresh_token=refresh_token, **parameters)

    def revoke(self, token: str) -> None:
        _json(self.session.revoke_token(self.metadata["revocation_endpoint"], token))

    def introspect(self, token: str) -> dict:
        return _json(self.session.introspect_token(self.metadata["introspection_endpoint"], token))


def _json(answer: requests.Response) -> dict:
    """Authlib hands the answers of these two endpoints out as they are."""
    body = answer.json() if answer.content else {}
    if not answer.ok:
        raise OAuthError(body.get("error"), body.get("error_description"))
    return body

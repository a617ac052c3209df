"""A client of the issuer by requests-oauthlib, which knows the token endpoint alone."""

from __future__ import annotations

from urllib.parse import quote_plus

from oauthlib.oauth2 import BackendApplicationClient, LegacyApplicationClient, WebApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

TIMEOUT_S = 5


def basic(client_id: str, client_secret: str) -> HTTPBasicAuth:
    """The library does not encode them as RFC 6749 §2.3.1 wants it: `:`, `%`, `+` or `é` would come out as others."""
    return HTTPBasicAuth(quote_plus(client_id), quote_plus(client_secret))


def client_credentials(token_endpoint: str, client_id: str, client_secret: str, **parameters: str) -> dict:
    session = OAuth2Session(client=BackendApplicationClient(client_id, scope=parameters.pop("scope", None)))
    return session.fetch_token(token_endpoint, auth=basic(client_id, client_secret), timeout=TIMEOUT_S, **parameters)


def password(
    token_endpoint: str, client_id: str, client_secret: str, username: str, password: str, **parameters: str
) -> dict:
    session = OAuth2Session(client=LegacyApplicationClient(client_id, scope=parameters.pop("scope", None)))
    return session.fetch_token(
        token_endpoint,
        username=username,
        password=password,
        auth=basic(client_id, client_secret),
        timeout=TIMEOUT_S,
        **parameters,
    )


def authorization_code(
    token_endpoint: str,
    client_id: str,
    client_secret: str,
    callback: str,
    state: str,
    code_verifier: str,
    redirect_uri: str,
) -> dict:
    """`callback` is the address that the browser was sent back to."""
    session = OAuth2Session(client=WebApplicationClient(client_id), redirect_uri=redirect_uri, state=state)
    return session.fetch_token(
        token_endpoint,
        authorization_response=callback,
        code_verifier=code_verifier,
        auth=basic(client_id, client_secret),
        timeout=TIMEOUT_S,
    )


def refresh(token_endpoint: str, client_id: str, client_secret: str, refresh_token: str, **parameters: str) -> dict:
    """Each refresh token serves once: keep the one in the answer."""
    session = OAuth2Session(client_id, scope=parameters.pop("scope", None))
    return session.refresh_token(
        token_endpoint,
        refresh_token=refresh_token,
        auth=basic(client_id, client_secret),
        timeout=TIMEOUT_S,
        **parameters,
    )

"""A resource server by Flask and Authlib: tokens checked offline (RFC 9068), or by asking the issuer (RFC 7662)."""

from __future__ import annotations

import threading
import time

import requests
from authlib.integrations.flask_oauth2 import ResourceProtector, current_token
from authlib.oauth2.rfc6750 import InvalidTokenError
from authlib.oauth2.rfc7662 import IntrospectTokenValidator
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from flask import Flask, jsonify
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from authlib_client import Client, discover

TIMEOUT_S = 5
MAX_AGE_S = 300
COOLDOWN_S = 10


class OfflineValidator(JWTBearerTokenValidator):
    """Keeps the key set, which Authlib leaves to us, and looks for an unknown key once in a cooldown."""

    def __init__(self, issuer: str, audience: str) -> None:
        super().__init__(issuer, audience)
        self.keys, self.fetched_at, self.lock = KeySet([]), float("-inf"), threading.Lock()

    def get_jwks(self) -> KeySet:
        return self.keys

    def authenticate_token(self, token_string: str):
        try:
            header = jws.extract_compact(token_string.encode()).protected
        except (JoseError, ValueError) as error:
            raise InvalidTokenError() from error
        # Authlib takes a token without a type, any key where there is no kid, and any algorithm that the key allows.
        if "typ" not in header or "kid" not in header or header.get("alg") != "RS256":
            raise InvalidTokenError()
        with self.lock:
            age = time.monotonic() - self.fetched_at
            unknown = all(key.kid != header["kid"] for key in self.keys)
            if age > MAX_AGE_S or (unknown and age > COOLDOWN_S):
                self._fetch()
        return super().authenticate_token(token_string)

    def _fetch(self) -> None:
        url = discover(self.issuer)["jwks_uri"]
        answer = requests.get(url, timeout=TIMEOUT_S, allow_redirects=False)
        answer.raise_for_status()
        self.keys, self.fetched_at = KeySet.import_key_set(answer.json()), time.monotonic()


class IntrospectingValidator(IntrospectTokenValidator):
    """Asks for each token: a revoked one is refused at once."""

    def __init__(self, client: Client, audience: str) -> None:
        super().__init__()
        self.client, self.audience = client, audience

    def introspect_token(self, token_string: str) -> dict:
        return self.client.introspect(token_string)

    def validate_token(self, token, scopes, request):
        # Authlib asks whether the token is active, and not whether it is a bearer token for this service.
        audiences = (token or {}).get("aud", [])
        audiences = [audiences] if isinstance(audiences, str) else audiences
        is_bearer = str((token or {}).get("token_type", "")).lower() == "bearer"
        if not is_bearer or self.audience not in audiences:
            raise InvalidTokenError()
        super().validate_token(token, scopes, request)


def app(issuer: str, audience: str, client_id: str, client_secret: str) -> Flask:
    offline, introspecting = ResourceProtector(), ResourceProtector()
    offline.register_token_validator(OfflineValidator(issuer, audience))
    introspecting.register_token_validator(IntrospectingValidator(Client(issuer, client_id, client_secret), audience))
    flask = Flask(__name__)

    @flask.get("/offline")
    @offline("todos:read")
    def read_offline():
        return jsonify(sub=current_token["sub"])

    @flask.get("/introspecting")
    @introspecting("todos:read")
    def read_introspecting():
        return jsonify(sub=current_token["sub"])

    return flask

"""Is this access token good, and not revoked?"""

import re

import jwt
from feed import Feed
from keys import Keys, NoKeySet
from revocations import RevocationList

TOKEN = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}")
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
UUID_V7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
OPTIONS = {"require": ["exp", "iat", "jti", "sub", "client_id"], "enforce_minimum_key_length": True}


class Invalid(Exception):
    """401, WWW-Authenticate: Bearer error="invalid_token"."""


class Unavailable(Exception):
    """503, Retry-After."""


class TokenVerifier:
    """Threads may share it."""

    def __init__(self, issuer: str, audience: str, list: RevocationList | Feed, jwks_url: str | None = None) -> None:
        self.expected = {"algorithms": ["RS256"], "issuer": issuer, "audience": audience, "leeway": 10}
        self.keys = Keys(jwks_url or f"{issuer}/.well-known/jwks.json")
        self.list = list
        self.list.follow(self.keys.read_anew)

    def verify(self, token: str) -> dict:
        """The claims; raises Invalid or Unavailable."""
        try:
            claims, kid = self._checked(token)
        except NoKeySet as error:
            raise Unavailable("no key set") from error
        except (jwt.PyJWTError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise Invalid(str(error)) from error  # PyJWT raises not only its own of what is malformed
        answer = self.list.ask(claims["jti"], claims.get("sid", ""), claims["sub"], claims["client_id"], kid)
        if answer != "live":
            raise Invalid(answer) if answer == "revoked" else Unavailable(answer)
        return claims

    def _checked(self, token: str) -> tuple[dict, str]:
        header = jwt.get_unverified_header(token)
        typ, kid = header.get("typ"), header.get("kid")
        # PyJWT accepts padded segments, any `typ`, and crit: ["b64"].
        if not TOKEN.fullmatch(token) or typ.lower() not in ("at+jwt", "application/at+jwt") or "crit" in header:
            raise ValueError("not an access token")
        claims = jwt.decode(token, self.keys.get(kid), options=OPTIONS, **self.expected)
        # PyJWT accepts "17", 1.7 and true as times, and does not check the other claims.
        times = (claims["exp"], claims["iat"], claims.get("nbf", 0))
        times = all(type(time) is int and 0 <= time < 1 << 53 for time in times)
        ids = UUID_V7.fullmatch(claims["jti"]) and UUID.fullmatch(claims.get("sid", claims["jti"]))
        if not times or not ids or not all(isinstance(id, str) and id for id in (claims["sub"], claims["client_id"])):
            raise ValueError("claims")
        return claims, kid

"""A scripted issuer with keys of its own, for tokens that the auth-service never issues."""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from processes import Server
from services import AUDIENCE

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def uuid7(at_ms: int | None = None) -> str:
    """A UUIDv7 of this time; default: now."""
    at_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    bits = at_ms << 80 | 0x7 << 76 | int.from_bytes(os.urandom(10), "big") & ~(0xF << 76) & ~(0x3 << 62) | 0x2 << 62
    digits = f"{bits:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


class Key:
    """An RSA key, published with these members."""

    def __init__(self, kid: str, bits: int = 2048, **members: str) -> None:
        self.kid, self.members = kid, members
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def jwk(self) -> dict[str, str]:
        public = self.private.public_key().public_numbers()
        jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid}
        return {**jwk, "n": number(public.n), "e": number(public.e), **self.members}

    def with_private_members(self) -> Key:
        numbers = self.private.private_numbers()
        members = {"d": numbers.d, "p": numbers.p, "q": numbers.q}
        members |= {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
        self.members = {name: number(value) for name, value in members.items()}
        return self

    def pem(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form)

    def sign(self, algorithm: str, message: bytes) -> bytes:
        if algorithm.startswith("HS"):
            return hmac.digest(self.pem(), message, "sha256")
        digest = HASHES.get(algorithm[2:], hashes.SHA256)()
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return self.private.sign(message, pss if algorithm.startswith("PS") else padding.PKCS1v15(), digest)


class Minter:
    """Makes tokens of one issuer."""

    def __init__(self, url: str, key: Key) -> None:
        self.url, self.key = url, key

    def claims(self, **changes: object) -> dict[str, object]:
        """Valid claims with these changes; a claim that is changed to `...` is left out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "0198d2c4-0000-7000-8000-000000000001",
            "aud": [AUDIENCE, self.url],
            "client_id": "first-party",
            "scope": "openid",
            "iat": now,
            "nbf": now,
            "exp": now + 900,
            "jti": uuid7(),
            "sid": "0198d2c4-0000-7000-8000-000000000002",
        }
        return {name: value for name, value in {**claims, **changes}.items() if value is not ...}

    def token(self, key: Key | None = None, header: dict | str | None = None, raw: str | None = None, **changes) -> str:
        """A token that is valid except for the given header members, claims, or raw payload."""
        key = key or self.key
        if not isinstance(header, str):
            members = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid, **(header or {})}
            header = json.dumps({name: value for name, value in members.items() if value is not ...})
        payload = raw if raw is not None else json.dumps(self.claims(**changes))
        signed = f"{base64url(header.encode())}.{base64url(payload.encode())}"
        algorithm = str(json.loads(header).get("alg", "RS256"))
        return f"{signed}.{base64url(key.sign(algorithm, signed.encode()))}"


class ScriptedIssuer:
    """Serves one key set under a separate path for each verifier, and counts the requests."""

    def __init__(self, keys: list[Key]) -> None:
        self.keys, self.away, self.fetches = keys, False, Counter()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches[self.path.split("/")[1]] += 1
                body = json.dumps({"keys": [key.jwk() for key in issuer.keys]}).encode()
                self.send_response(500 if issuer.away else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = Server(Handler)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.port}/{name}"

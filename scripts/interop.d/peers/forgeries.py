"""Forged tokens."""

from __future__ import annotations

import base64
import hmac
import json

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from issuer import Key, Minter, base64url
from services import request

from peers.answers import part
from peers.setting import Setting


def _public_key(setting: Setting, kid: str) -> bytes:
    """The public key in PEM form, as an attacker would write it."""
    _, _, document = request("GET", f"{setting.auth.address}/.well-known/jwks.json")
    jwk = next(key for key in json.loads(document)["keys"] if key["kid"] == kid)
    numbers = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="), "big") for name in ("e", "n"))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return rsa.RSAPublicNumbers(*numbers).public_key().public_bytes(serialization.Encoding.PEM, form)


def forgeries(setting: Setting, good: str) -> dict[str, str]:
    """The forged tokens, by what is wrong with them."""
    header, payload, signature = good.split(".")
    kid, claims = part(good, 0)["kid"], part(good, 1)

    def unsigned(algorithm: str) -> str:
        return f"{base64url(json.dumps({'alg': algorithm, 'typ': 'at+jwt', 'kid': kid}).encode())}.{payload}"

    confused = unsigned("HS256")
    secret = hmac.digest(_public_key(setting, kid), confused.encode(), "sha256")
    admin = base64url(json.dumps({**claims, "sub": "root"}).encode())
    return {
        "signed with another key": Minter(setting.url, Key(kid)).token(raw=json.dumps(claims)),
        "signed with the public key as a secret": f"{confused}.{base64url(secret)}",
        "alg none": f"{unsigned('none')}.",
        "other claims": f"{header}.{admin}.{signature}",
        "no signature": f"{header}.{payload}.",
    }

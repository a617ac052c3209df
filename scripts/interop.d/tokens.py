"""The table of tokens: the answer that every verifier must give, and the exceptions that a library causes."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from issuer import Key, Minter, base64url, uuid7
from services import AUDIENCE

V4 = "0198d2c4-0000-4000-8000-000000000001"


@dataclass
class Case:
    name: str
    wanted: str
    token: str
    # The libraries whose answer differs, with that answer. docs/verify/README.md names each of them.
    but: dict[str, str] = field(default_factory=dict)


def cases(mint: Minter, other: Key) -> Iterator[Case]:
    """The cases for one verifier: `mint` uses the issuer's URL that the verifier expects."""
    yield from good_ones(mint)
    for name, token, *but in bad_ones(mint, other):
        yield Case(name, "401", token, but[0] if but else {})


def good_ones(mint: Minter) -> Iterator[Case]:
    now = int(time.time())

    def good(name: str, **changes) -> Case:
        return Case(name, "200", mint.token(**changes))

    yield good("as it should be")
    yield good("typ AT+JWT", header={"typ": "AT+JWT"})
    yield good("typ application/at+jwt", header={"typ": "Application/at+jwt"})
    yield good("aud a string", aud=AUDIENCE)
    yield good("aud ours among others", aud=["https://elsewhere.example", AUDIENCE])
    yield good("no sid", sid=...)
    yield good("no nbf", nbf=...)
    yield good("expired within the leeway", exp=now - 4)
    yield good("issued within the leeway", iat=now + 5, nbf=now + 5)
    yield good("unknown claims", extra={"a": [1, None]}, username="ada")


def bad_ones(mint: Minter, other: Key) -> Iterator[tuple]:
    good = mint.token()
    header, payload, signature = good.split(".")
    yield "empty", ""
    yield "no token", "garbage"
    yield "two segments", f"{header}.{payload}"
    yield "four segments", f"{good}.{signature}"
    yield "no signature", f"{header}.{payload}."
    yield "padding", f"{good}=="
    yield "payload that is no JSON", mint.token(raw="{")
    yield "payload that is a list", mint.token(raw="[]")
    yield "nested deeply", mint.token(raw="[" * 5_000 + "]" * 5_000)
    last = signature[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    neighbour = alphabet[alphabet.index(last) ^ 1]
    yield "bits that encode nothing", good[:-1] + neighbour, {"node": "200", "go": "200", "java": "200"}

    flipped = bytearray(base64.urlsafe_b64decode(signature + "=="))
    flipped[100] ^= 1
    yield "signature flipped", f"{header}.{payload}.{base64url(bytes(flipped))}"
    yield "signature cut", f"{header}.{payload}.{signature[:-4]}"
    yield "signature of zeros", f"{header}.{payload}.{base64url(bytes(256))}"
    yield "signature of another key", mint.token(key=other, header={"kid": mint.key.kid})
    forged = base64url(json.dumps(mint.claims(sub="root")).encode())
    yield "another payload", f"{header}.{forged}.{signature}"

    for algorithm in ("none", "None", "rs256", "RS256 ", ["RS256"], None, ...):
        yield f"alg {algorithm}", mint.token(header={"alg": algorithm})
    unsigned = base64url(json.dumps({"alg": "none", "typ": "at+jwt", "kid": mint.key.kid}).encode())
    yield "alg none, unsigned", f"{unsigned}.{payload}."
    for algorithm in ("HS256", "PS256", "RS384", "RS512"):
        yield f"alg {algorithm}, signed so", mint.token(header={"alg": algorithm})
    for kid in (..., "", 7, None, "unknown"):
        yield f"kid {kid}", mint.token(header={"kid": kid})
    for typ in (..., "JWT", "id+jwt", "at+jwt2", 7):
        yield f"typ {typ}", mint.token(header={"typ": typ})
    for crit in ([], ["exp"], ["b64"], "b64"):
        yield f"crit {crit}", mint.token(header={"crit": crit, "b64": True})
    yield "b64 false", mint.token(header={"crit": ["b64"], "b64": False})

    for iss in (mint.url + "/", mint.url.upper(), [mint.url], None, ...):
        yield f"iss {iss}", mint.token(iss=iss)
    for aud in ("todo", AUDIENCE.upper(), f"{AUDIENCE}/", [], ["todo"], {"0": AUDIENCE}, 7, None, ...):
        yield f"aud {aud}", mint.token(aud=aud)
    yield from bad_times(mint)
    upper = uuid7().upper()
    for jti in (..., None, "x", V4, upper, uuid7().replace("-", ""), [uuid7()], 7, f"{uuid7()}\n", f" {uuid7()}"):
        yield f"jti {jti!r}", mint.token(jti=jti)
    for sid in ("", "X" * 36, V4.upper().replace("0", "A"), 7, ["x"]):
        yield f"sid {sid!r}", mint.token(sid=sid), {"go": "200"} if sid == "" else {}
    for name in ("sub", "client_id"):
        for value in (..., None, "", 7, ["x"], True):
            yield f"{name} {value!r}", mint.token(**{name: value})
    twice = json.dumps(mint.claims())
    takes_last = {"node": "200", "python": "200"}
    yield "a claim twice", mint.token(raw='{"sub":"root",' + twice[1:]), takes_last
    kid = json.dumps(mint.key.kid)
    twice = f'{{"alg":"none","alg":"RS256","typ":"at+jwt","kid":{kid}}}'
    yield "a header member twice", mint.token(header=twice), takes_last


def bad_times(mint: Minter) -> Iterator[tuple]:
    now = int(time.time())
    yield "expired", mint.token(exp=now - 15)
    yield "issued in the future", mint.token(iat=now + 60)
    yield "not valid yet", mint.token(nbf=now + 60)
    for name, value in (("exp", now + 900), ("iat", now), ("nbf", now)):
        odd = [str(value), value + 0.5, [value], True, -1]
        odd += [..., None] if name != "nbf" else []
        for other in odd:
            yield f"{name} {other!r}", mint.token(**{name: other})
    yield "exp 1e308", mint.token(raw=json.dumps(mint.claims(exp=0)).replace('"exp": 0', '"exp": 1e308'))
    yield "exp over 64 bits", mint.token(exp=10**20)

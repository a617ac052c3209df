"""Checks the results of libraries."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

from processes import Failure

from peers.setting import SCOPES

ACCESS_TTL_S = 900
# A check of what a library returned: says what is wrong with it, or returns None.
Complaint = Callable[[dict], str | None]


def verdict(answer: dict, complaint: Complaint = lambda _: None) -> str:
    """`ok`, the error code, or what is wrong with the result."""
    if "ok" in answer:
        return complaint(answer["ok"] or {}) or "ok"
    return answer.get("error") or f"unexpected: {answer.get('unexpected')}"


def token_of(answer: dict, name: str = "access_token") -> str:
    """The value with which the rest of a case continues."""
    if "ok" not in answer:
        raise Failure(f"no {name} to go on with: {verdict(answer)}")
    return answer["ok"][name]


def part(token: str, number: int) -> dict:
    """Decodes one part of a JWT: its header or its claims."""
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def differs(found: dict, wanted: dict) -> str | None:
    """The first member that differs from `wanted`. A member that is wanted as `...` must be missing."""
    for name, value in wanted.items():
        if found.get(name, ...) != value:
            return f"{name} is {found.get(name)!r}, wanted {value!r}"
    return None


def exactly(wanted: dict) -> Complaint:
    return lambda found: None if found == wanted else f"it is {found}"


def with_members(**wanted: object) -> Complaint:
    return lambda found: differs(found, wanted)


def with_tokens(scope: str = SCOPES, refreshes: bool = False, **claims: object) -> Complaint:
    """Checks a successful token response and the access token in it (contract §1)."""

    def complaint(found: dict) -> str | None:
        header, payload = (part(found["access_token"], number) for number in (0, 1))
        issued = payload["iat"]
        if bool(found.get("refresh_token")) != refreshes:
            return "no refresh token" if refreshes else "a refresh token"
        if not 0 < found["expires_in"] <= ACCESS_TTL_S:
            return f"expires_in is {found['expires_in']}"
        return (
            differs({**found, "token_type": found["token_type"].lower()}, {"token_type": "bearer", "scope": scope})
            or differs(header, {"alg": "RS256", "typ": "at+jwt"})
            or differs(payload, {"scope": scope, "nbf": issued, "exp": issued + ACCESS_TTL_S, **claims})
        )

    return complaint

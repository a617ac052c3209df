"""Inserts authorization codes into the issuer's database, for cases about the token endpoint alone. `login.py` gets codes from
the pages."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass

from issuer import base64url

from peers.libraries import Registered
from peers.setting import AUDIENCES, REDIRECT, SCOPES, Setting

LIFE_MS = 60_000


@dataclass
class Code:
    """The values that an app has after the redirect."""

    code: str
    code_verifier: str
    state: str
    redirect_uri: str
    issuer: str

    def parameters(self) -> dict[str, str]:
        answer = f"code={self.code}&state={self.state}&iss={self.issuer.replace(':', '%3A').replace('/', '%2F')}"
        named = {"code": self.code, "code_verifier": self.code_verifier, "state": self.state}
        return {**named, "redirect_uri": self.redirect_uri, "callback": f"{self.redirect_uri}?{answer}"}


def give_code(setting: Setting, client: Registered) -> Code:
    """Inserts a code for a consent to everything, with PKCE."""
    code, verifier = f"lkc_{base64url(os.urandom(32))}", base64url(os.urandom(32))
    now_ms = time.time_ns() // 1_000_000
    row = {
        "code_hash": hashlib.sha256(code.encode()).digest(),
        "client_id": client.id,
        "redirect_uri": REDIRECT,
        "code_challenge": base64url(hashlib.sha256(verifier.encode()).digest()),
        "scope": SCOPES,
        "audience": " ".join(AUDIENCES),
        "amr": "pwd",
        "auth_time_s": now_ms // 1_000,
        "issued_at_ms": now_ms,
        "expires_at_ms": now_ms + LIFE_MS,
    }
    with closing(sqlite3.connect(setting.auth.place / "auth.db", timeout=10)) as database, database:
        user = "SELECT id, credentials_version FROM users WHERE username = ?"
        row["user_id"], row["credentials_version"] = database.execute(user, [setting.user]).fetchone()
        names, places = ", ".join(row), ", ".join("?" * len(row))
        database.execute(f"INSERT INTO authorization_codes ({names}) VALUES ({places})", list(row.values()))
    return Code(code, verifier, base64url(os.urandom(16)), REDIRECT, setting.url)

"""A token a line on standard input, a verdict a line on standard output. The settings come from the environment."""

import os
import sys
from pathlib import Path

from feed import Feed
from revocations import RevocationList
from verify import Invalid, TokenVerifier, Unavailable


def required(name: str) -> str:
    return os.environ.get(name) or sys.exit(f"error: {name} is not set")


def secret(name: str) -> str:
    try:
        return Path(required(name)).read_text().strip()
    except OSError as error:
        sys.exit(f"error: {name}: {error}")


def revocations() -> RevocationList | Feed:
    if url := os.environ.get("REDIS_URL"):
        return RevocationList(url, secret("REDIS_PASSWORD_FILE") if os.environ.get("REDIS_PASSWORD_FILE") else None)
    if url := os.environ.get("FEED_URL"):
        return Feed(url, secret("FEED_TOKEN_FILE"))
    sys.exit("error: neither REDIS_URL nor FEED_URL is set")


issuer = required("ISSUER")
# Set it where the key set is not read from the issuer's public address.
jwks_url = os.environ.get("JWKS_URL") or f"{issuer}/.well-known/jwks.json"
verifier = TokenVerifier(issuer, required("AUDIENCE"), revocations(), jwks_url)
for line in sys.stdin:
    try:
        print("200", verifier.verify(line.rstrip("\n"))["sub"], flush=True)
    except Invalid:
        print("401", flush=True)
    except Unavailable:
        print("503", flush=True)

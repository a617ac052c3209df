"""A token a line on standard input, a verdict a line on standard output."""

import os
import sys

from verify import Invalid, TokenVerifier, Unavailable

issuer = os.environ["ISSUER"]
# Set it where the key set is not read from the issuer's public address.
jwks_url = os.environ.get("JWKS_URL") or f"{issuer}/.well-known/jwks.json"
verifier = TokenVerifier(issuer, os.environ["AUDIENCE"], os.environ["REDIS_URL"], jwks_url)
for line in sys.stdin:
    try:
        print("200", verifier.verify(line.rstrip("\n"))["sub"], flush=True)
    except Invalid:
        print("401", flush=True)
    except Unavailable:
        print("503", flush=True)

"""A token a line on standard input, a verdict a line on standard output."""

import os
import sys

from verify import Invalid, TokenVerifier, Unavailable

verifier = TokenVerifier(os.environ["ISSUER"], os.environ["AUDIENCE"], os.environ["REDIS_URL"])
for line in sys.stdin:
    try:
        print("200", verifier.verify(line.rstrip("\n"))["sub"], flush=True)
    except Invalid:
        print("401", flush=True)
    except Unavailable:
        print("503", flush=True)

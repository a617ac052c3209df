"""Runs one table of cases with the samples of docs/verify, our own verifier and two gateways, and another table with the
samples of docs/oauth.

Arguments: the folder with the built services, the folder with the built samples, the folder docs/verify.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

import groups
from gateways import start_gateways
from issuer import Key, Minter, ScriptedIssuer
from peers.run import with_libraries
from processes import Failure, Processes
from report import Report
from services import (
    AUDIENCE,
    FEED_TOKEN,
    VERIFIER_PASSWORD,
    AuthService,
    Redis,
    start_todo_service,
    write_secret,
)
from shipped import with_shipped_gateway
from verifiers import Program, Sample, Service

BIN, BUILT, DOCS = (Path(argument).resolve() for argument in sys.argv[1:4])
VERIFY, OAUTH = BUILT / "verify", BUILT / "oauth"
SAMPLES = {
    "node": ["node", VERIFY / "node/main.mjs"],
    "python": [VERIFY / "venv/bin/python", VERIFY / "python/main.py"],
    "go": [VERIFY / "go/sample"],
    "java": ["java", "-cp", f"{VERIFY}/java/target/classes:{VERIFY}/java/target/dependency/*", "Main"],
}


def start_verifiers(processes: Processes, place: Path, issuer_of, redis: Redis) -> list:
    """Verifiers that ask Redis, as the user that may only read the list."""
    password = write_secret(place, "verifier_redis_password", VERIFIER_PASSWORD)
    source = {"AUDIENCE": AUDIENCE, "REDIS_URL": redis.verifier_url, "REDIS_PASSWORD_FILE": str(password)}
    verifiers = []
    for name, command in SAMPLES.items():
        verifiers.append(Program(name, command, processes, place, {"ISSUER": issuer_of(name), **source}))
    todo, url = start_todo_service(processes, BIN, place, issuer_of("rust"), redis.url)
    return [*verifiers, Service("rust", f"{url}/whoami", todo)]


def start_followers(processes: Processes, place: Path, auth: AuthService) -> list:
    """Verifiers that follow the feed."""
    token = write_secret(place, "feed_token", FEED_TOKEN)
    source = {"AUDIENCE": AUDIENCE, "FEED_URL": f"{auth.url}/revocations", "FEED_TOKEN_FILE": str(token)}
    followers = []
    for name, command in SAMPLES.items():
        followers.append(Program(f"{name}, feed", command, processes, place, {"ISSUER": auth.url, **source}))
    todo, url = start_todo_service(processes, BIN, place, auth.url, feed_token_file=token)
    return [*followers, Service("rust, feed", f"{url}/whoami", todo)]


def with_bad_settings(place: Path) -> Report:
    """Each sample names the setting that it lacks."""
    good = {"ISSUER": "http://127.0.0.1:9", "AUDIENCE": AUDIENCE, "REDIS_URL": "redis://127.0.0.1:9/0"}
    feed = {**good, "REDIS_URL": "", "FEED_URL": "http://127.0.0.1:9/revocations"}
    missing = str(place / "nothing")
    cases = {
        "no issuer": ({**good, "ISSUER": ""}, "ISSUER is not set"),
        "no audience": ({**good, "AUDIENCE": ""}, "AUDIENCE is not set"),
        "no list": ({**good, "REDIS_URL": ""}, "neither REDIS_URL nor FEED_URL is set"),
        "no password file": ({**good, "REDIS_PASSWORD_FILE": missing}, "REDIS_PASSWORD_FILE: "),
        "no token": ({**feed, "FEED_TOKEN_FILE": ""}, "FEED_TOKEN_FILE is not set"),
        "no token file": ({**feed, "FEED_TOKEN_FILE": missing}, "FEED_TOKEN_FILE: "),
    }
    samples = [Sample(name, command) for name, command in SAMPLES.items()]
    report = Report(samples, "settings")
    for case, (env, wanted) in cases.items():
        report.check(case, "an error", lambda sample, env=env, wanted=wanted: sample.fails_with(env, wanted))
    return report


def with_scripted_issuer(place: Path, redis: Redis) -> list[Report]:
    """Cases with tokens, facts and keys that the auth-service never makes."""
    good, other, later, revoked = Key("good"), Key("other"), Key("later"), Key("revoked")
    shared, once, private = Key("shared"), Key("once", use="enc"), Key("private").with_private_members()
    refused = {
        "1024 bits": Key("short", bits=1024),
        "use enc": Key("enc", use="enc"),
        "another alg": Key("ps256", alg="PS256"),
        "a kid that two share": shared,
        "a kid that it shares with a key for encryption": Key("once"),
        "which the private half is published": private,
    }
    issuer = ScriptedIssuer([good, revoked, *refused.values(), Key("shared"), once])
    minters = {name: Minter(issuer.url(name), good) for name in (*SAMPLES, "rust")}
    reports = []
    with Processes() as processes:
        issuer.away = True
        verifiers = start_verifiers(processes, place, issuer.url, redis)
        group = partial(Report, verifiers)
        reports.append(start := group("start"))
        start.ask("no key set yet", "503", lambda verifier: minters[verifier.name].token())
        issuer.away = False
        start.comes_to("the key set came", "200", lambda verifier: minters[verifier.name].token())
        reports.append(tokens := group("tokens"))
        groups.tokens(tokens, minters, other)
        reports.append(facts := group("facts"))
        groups.facts(facts, minters, redis, revoked)
        reports.append(keys := group("keys"))
        groups.keys(keys, minters, issuer, refused, later)
    return reports


def with_our_issuer(place: Path, redis: Redis, auth: AuthService) -> list[Report]:
    """Cases with revocations by the auth-service's endpoints and with failures; also with gateways."""
    with Processes() as processes:
        by_redis = start_verifiers(processes, place, lambda _: auth.url, redis)
        by_redis += start_gateways(processes, place, DOCS / "gateways", by_redis[-1])
        by_feed = start_followers(processes, place, auth)
        group = partial(Report, [*by_redis, *by_feed])
        start, revocations, restored = group("start, our issuer"), group("revocations"), group("restored database")
        outages, silence = Report(by_redis, "outages"), Report(by_feed, "outages")
        start.comes_to("as it should be", "200", auth.login().access)
        groups.revocations(revocations, auth)
        groups.outages(outages, auth, redis)
        groups.feed_outages(silence, auth)
        groups.restored(restored, auth)
    return [start, revocations, outages, silence, restored]


def main() -> int:
    # Signals become exceptions, so that every process is stopped at the end.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="latchkey-interop.") as folder, Processes() as processes:
        place = Path(folder)
        try:
            redis = Redis(processes, place)
            auth = AuthService(processes, BIN, place, redis.url)
            reports = [with_bad_settings(place)]
            reports += [*with_scripted_issuer(place, redis), *with_our_issuer(place, redis, auth)]
            reports.append(with_shipped_gateway(BIN, place, auth))
            reports += with_libraries(BIN, place, OAUTH)
        except Failure as failure:
            print(f"error: {failure}", file=sys.stderr)
            return 1
    counts = [report.close() for report in reports]
    passed, failed = (sum(column) for column in zip(*counts, strict=True))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())

"""The groups of cases. Each group runs with all verifiers at once."""

from __future__ import annotations

import base64
import json
import time
from contextlib import ExitStack
from functools import partial

from issuer import Key, Minter, ScriptedIssuer, uuid7
from processes import eventually
from report import Report
from services import PREFIX, AuthService, Redis
from sockets import unread_by_server
from tokens import cases
from verifiers import Program

LOOKUP_LIMIT_S = 1  # the limit of the samples
KIDS = 30
FETCHES = 2  # one, and a second one if the cooldown of ten seconds has ended in between


def tokens(report: Report, minters: dict[str, Minter], other: Key) -> None:
    tables = {name: list(cases(mint, other)) for name, mint in minters.items()}
    for row in zip(*tables.values(), strict=True):
        mine = dict(zip(tables, row, strict=True))
        wanted = {name: case.but.get(name, case.wanted) for name, case in mine.items()}
        report.ask(row[0].name, wanted, lambda verifier, mine=mine: mine[verifier.name].token)


def facts(report: Report, minters: dict[str, Minter], redis: Redis, key: Key) -> None:
    """Each kind of fact, written into Redis as the contract specifies."""
    for kind, claim in (("jti", "jti"), ("sid", "sid")):
        hit = uuid7()
        redis.revoke(kind, hit)
        report.ask(f"{kind} revoked", "401", lambda v, claim=claim, hit=hit: minters[v.name].token(**{claim: hit}))
    redis.revoke("key", key.kid)
    report.ask("key revoked", "401", lambda v: minters[v.name].token(key=key))
    report.ask("another key", "200", lambda v: minters[v.name].token())
    now_ms = time.time_ns() // 1_000_000
    for kind, claim in (("sub", "sub"), ("client", "client_id")):
        hit = f"someone-{kind}"
        redis.revoke(kind, hit, now_ms)
        for case, at_ms, wanted in (
            ("issued before the cut", now_ms - 1, "401"),
            ("issued in the cut's millisecond", now_ms, "401"),
            ("issued after the cut", now_ms + 1, "200"),
        ):
            claims = {claim: hit, "jti": uuid7(at_ms)}
            token = partial(lambda verifier, claims: minters[verifier.name].token(**claims), claims=claims)
            report.ask(f"{kind} revoked, {case}", wanted, token)


def keys(
    report: Report, minters: dict[str, Minter], issuer: ScriptedIssuer, refused: dict[str, Key], later: Key
) -> None:
    for case, key in refused.items():
        report.ask(f"a key of {case}", "401", lambda v, key=key: minters[v.name].token(key=key))
    before = dict(issuer.fetches)
    for n in range(KIDS):
        report.ask("an unknown kid", "401", lambda v, n=n: minters[v.name].token(header={"kid": f"unknown-{n}"}))
    for verifier in report.verifiers:
        fetched = issuer.fetches[verifier.name] - before[verifier.name]
        report.note(verifier, f"{KIDS} unknown kids", fetched <= FETCHES, f"the key set was fetched {fetched} times")
    report.ask("a known kid meanwhile", "200", lambda v: minters[v.name].token())
    issuer.keys = [*issuer.keys, later]
    report.comes_to("a key published later", "200", lambda v: minters[v.name].token(key=later))
    issuer.away = True
    report.ask("an unknown kid while the issuer is away", "401", lambda v: minters[v.name].token(header={"kid": "x"}))
    report.ask("a known kid while the issuer is away", "200", lambda v: minters[v.name].token())
    issuer.away = False


def revocations(report: Report, auth: AuthService) -> None:
    """Facts that the issuer's own endpoints write."""
    one = auth.login()
    same_user = auth.login(one.user)
    report.ask("fresh from the issuer", "200", one.access)
    report.ask("a refresh token", "401", one.refresh)
    same_session = auth.post_form("/auth/token", {"grant_type": "refresh_token", "refresh_token": one.refresh}, 200)
    auth.revoke(one.access)
    report.comes_to("revoked by /oauth2/revoke", "401", one.access)
    report.ask("of the same session", "200", same_session["access_token"])
    auth.post_bearer("/auth/logout", same_session["access_token"])
    report.comes_to("logged out", "401", same_session["access_token"])
    report.ask("of another session", "200", same_user.access)
    auth.post_bearer("/auth/logout-all", same_user.access)
    report.comes_to("logged out everywhere", "401", same_user.access)
    report.ask("issued right after", "200", auth.login(one.user).access)
    report.ask("of another user", "200", auth.login().access)
    revocations_by_command(report, auth)


def revocations_by_command(report: Report, auth: AuthService) -> None:
    """Facts that an operator's commands write while the issuer is running."""
    made = auth.command("clients", "create", "--name", "A service", "--grants", "client_credentials")
    client = {"client_id": made["client_id"], "client_secret": made["client_secret"]}
    form = {"grant_type": "client_credentials", **client}
    eventually("the issuer knows the client", lambda: auth.status("/oauth2/token", form) == 200)
    of_client = auth.post_form("/oauth2/token", form, 200)["access_token"]
    user = auth.login().access
    report.ask("of a client", f"200 {made['client_id']}", of_client)
    auth.command("clients", "disable", made["client_id"])
    report.comes_to("the client was disabled", "401", of_client)
    report.ask("of a user meanwhile", "200", user)
    kid = next(key["kid"] for key in auth.command("keys", "list") if key["state"] == "active")
    auth.command("keys", "rotate", "--compromised", kid)
    report.comes_to("of a stolen key", "401", user)
    eventually("another key signs", lambda: key_of(auth.login().access) != kid)
    report.comes_to("of the key after it", "200", auth.login().access)


def key_of(token: str) -> str:
    header = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]


def outages(report: Report, auth: AuthService, redis: Redis) -> None:
    good, ended = auth.login().access, auth.login()
    auth.post_bearer("/auth/logout", ended.access)
    report.comes_to("revoked before", "401", ended.access)
    with auth.process.paused():
        redis.client.delete(f"{PREFIX}:epoch")
        report.ask("no epoch", "503", good)
        report.ask("no epoch, revoked", "401", ended.access)
    report.comes_to("the epoch is back", "200", good)
    with redis.process.paused():
        report.ask("Redis hangs", "503", good)
        report.ask("Redis hangs, malformed", "401", "garbage")
    report.comes_to("Redis goes on", "200", good)
    stopped_between_question_and_answer(report, redis, good)
    redis.process.kill()
    report.ask("Redis is gone", "503", good)
    report.ask("Redis is gone, malformed", "401", "garbage")
    redis.start()
    report.comes_to("Redis is back, and was empty", "200", good)
    report.ask("Redis is back, revoked", "401", ended.access)
    redis.client.flushall()
    report.comes_to("Redis was flushed, revoked", "401", ended.access, never="200")
    report.comes_to("Redis was flushed", "200", good)


def stopped_between_question_and_answer(report: Report, redis: Redis, good: str) -> None:
    """A verifier that is stopped during a check gets Redis's answer when it is no longer true."""
    for verifier in report.verifiers:
        if not isinstance(verifier, Program):
            continue
        pid = verifier.process.child.pid
        with ExitStack() as stopped:
            with redis.process.paused():
                verifier.send(good)
                eventually("it has asked", lambda pid=pid: unread_by_server(pid, redis.port))
                stopped.enter_context(verifier.process.paused())
            eventually("it was answered", lambda pid=pid: not unread_by_server(pid, redis.port))
            time.sleep(LOOKUP_LIMIT_S + 0.1)
        answer = verifier.answer()
        report.note(verifier, "stopped before the answer", answer == "503", f"wanted 503, got {answer}")
    report.comes_to("going on after that", "200", good)


def feed_outages(report: Report, auth: AuthService) -> None:
    """A follower goes on for as long as its list is not too old, and then refuses."""
    good, ended = auth.login().access, auth.login()
    report.comes_to("before", "200", good)
    auth.post_bearer("/auth/logout", ended.access)
    report.comes_to("revoked before", "401", ended.access)
    with auth.process.paused():
        report.ask("the issuer hangs", "200", good)
        report.ask("the issuer hangs, revoked", "401", ended.access)
        report.comes_to("the list is too old", "503", good, never="401", patience_s=60)
        report.ask("the list is too old, revoked", "401", ended.access)
    report.comes_to("the issuer goes on", "200", good)


def restored(report: Report, auth: AuthService) -> None:
    """The issuer's database goes back to an earlier state. It then knows nothing of a key that began to sign since."""
    old = auth.login()
    saved = auth.save()
    report.comes_to("before the restore", "200", old.access)
    auth.post_bearer("/auth/logout", old.access)
    before = key_of(auth.login().access)
    auth.command("keys", "rotate", "--now")
    eventually("another key signs", lambda: key_of(auth.login().access) != before)
    young = auth.login(old.user).access
    report.comes_to("of a key that is younger than the back-up", "200", young)
    auth.restore(saved)
    report.comes_to("of that key, after the restore", "401", young)
    report.comes_to("new after the restore", "200", auth.login(old.user).access)
    report.ask("of that key, later", "401", young)
    report.ask("revoked before the restore", "401", old.access)

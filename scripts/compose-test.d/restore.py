"""What a restore of the databases has to undo and to refuse. Between `before` and `since` the databases are saved; between
`since` and `after` they are restored.

usage: restore.py ORIGIN before|since|after FILE [CLIENT]
"""

from __future__ import annotations

import base64
import http.client
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

ORIGIN, PHASE, FILE = sys.argv[1], sys.argv[2], Path(sys.argv[3])
PASSWORD = "correct horse battery staple"
# Names of users, by what happens to them between the back-up and the restore.
USERS = ["restore-logout", "restore-revoked", "restore-password", "restore-disabled", "restore-alone"]


def send(method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
    place = urlsplit(ORIGIN)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def post(path: str, fields: dict[str, str], **headers: str) -> tuple[int, dict]:
    urlencoded = {"Content_Type": "application/x-www-form-urlencoded"}
    status, text = send("POST", path, urlencode(fields), **urlencoded, **headers)
    return status, json.loads(text) if text else {}


def login(name: str) -> tuple[int, dict]:
    return post("/auth/token", {"grant_type": "password", "username": name, "password": PASSWORD})


def bearer(tokens: dict) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def eventually_accepted(what: str, tokens: dict) -> None:
    until = time.monotonic() + 20
    while (status := send("GET", "/whoami", **bearer(tokens))[0]) != 200:
        assert time.monotonic() < until, f"{what}: {status}"
        time.sleep(0.1)


def expect(what: str, found: object, wanted: object) -> None:
    assert found == wanted, f"{what}: wanted {wanted}, got {found}"


def before() -> dict:
    held = {}
    for name in USERS:
        body = json.dumps({"username": name, "password": PASSWORD})
        expect(f"{name} registers", send("POST", "/auth/register", body, Content_Type="application/json")[0], 201)
        status, held[name] = login(name)
        expect(f"{name} logs in", status, 200)
        eventually_accepted(name, held[name])
    return held


def since(held: dict) -> dict:
    expect("a logout", send("POST", "/auth/logout", **bearer(held["restore-logout"]))[0], 204)
    status, held["restore-begun-since"] = login("restore-alone")
    expect("a login", status, 200)
    client = json.loads(Path(sys.argv[4]).read_text())
    basic = base64.b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
    until = time.monotonic() + 20
    while True:
        fields = {"grant_type": "client_credentials"}
        status, tokens = post("/oauth2/token", fields, Authorization=f"Basic {basic}")
        if status == 200:
            break
        assert time.monotonic() < until, f"a token of the new application: {status}"
        time.sleep(0.1)
    held["restore-application"] = tokens
    eventually_accepted("the session begun since", held["restore-begun-since"])
    return held


def after(held: dict) -> None:
    # A new login works at once: on both replicas, and in both services.
    status, fresh = login("restore-alone")
    expect("a new login", status, 200)
    eventually_accepted("a new login", fresh)
    for name, tokens in held.items():
        # Several times, so that each replica is asked.
        found = {send("GET", path, **bearer(tokens))[0] for path in ("/whoami", "/auth/me") for _ in range(4)}
        if "refresh_token" in tokens:
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
            found.add(post("/auth/token", form)[0])
        print(f"{name:24} accepted: {'none' if found == {401} else sorted(found)}")
        expect(name, found, {401})
    expect("each user has the password of the back-up, and is enabled", {login(name)[0] for name in USERS}, {200})


if PHASE == "after":
    after(json.loads(FILE.read_text()))
else:
    FILE.touch(mode=0o600)
    FILE.write_text(json.dumps(before() if PHASE == "before" else since(json.loads(FILE.read_text()))))

"""Signs in through the gateway, on the pages and with a password, and signs out: the token must die everywhere.

usage: sign_in.py ORIGIN [ORIGIN-OF-ANOTHER-SERVICE…]
"""

from __future__ import annotations

import html
import http.client
import http.cookies
import json
import re
import sys
import time
from urllib.parse import urlencode, urlsplit

ORIGIN, *OTHERS = sys.argv[1:]
PASSWORD = "correct horse battery staple"
jar: dict[str, str] = {}


def send(
    method: str, path: str, body: str | None = None, at: str = ORIGIN, **headers: str
) -> tuple[int, str, str | None]:
    place = urlsplit(at)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if jar and "Authorization" not in headers:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    for header in answer.headers.get_all("Set-Cookie", []):
        for name, morsel in http.cookies.SimpleCookie(header).items():
            jar[name] = morsel.value
    return answer.status, answer.read().decode(), answer.headers["Location"]


def expect(what: str, found: object, wanted: object) -> None:
    assert found == wanted, f"{what}: wanted {wanted}, got {found}"
    print(f"ok: {what}")


def main() -> None:
    name = f"person-{time.time_ns()}"
    body = json.dumps({"username": name, "password": PASSWORD})
    expect("registration", send("POST", "/auth/register", body, Content_Type="application/json")[0], 201)
    form = {"grant_type": "password", "username": name, "password": PASSWORD}
    urlencoded = {"Content_Type": "application/x-www-form-urlencoded"}
    status, text, _ = send("POST", "/auth/token", urlencode(form), **urlencoded)
    expect("a login", status, 200)
    bearer = {"Authorization": f"Bearer {json.loads(text)['access_token']}"}
    for service in (ORIGIN, *OTHERS):
        until = time.monotonic() + 30
        while (status := send("GET", "/whoami", at=service, **bearer)[0]) != 200 and time.monotonic() < until:
            time.sleep(0.2)
        expect(f"{service} takes the token", status, 200)

    status, page, _ = send("GET", "/login")
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    fields = {name: html.unescape(value) for name, value in hidden} | {"username": name, "password": PASSWORD}
    status, _, location = send("POST", "/login", urlencode(fields), Origin=ORIGIN, **urlencoded)
    expect("a sign-in on the page", (status, location.removeprefix(ORIGIN)), (303, "/account"))
    status, page, _ = send("GET", "/account")
    expect("the account page", (status, name in page), (200, True))

    expect("a logout", send("POST", "/auth/logout", **bearer)[0], 204)
    for service in (ORIGIN, *OTHERS):
        until = time.monotonic() + 30
        while (status := send("GET", "/whoami", at=service, **bearer)[0]) == 200 and time.monotonic() < until:
            time.sleep(0.05)
        # Both replicas, several times each.
        found = {status, *(send("GET", "/whoami", at=service, **bearer)[0] for _ in range(20))}
        expect(f"the token is dead at {service}", found, {401})


main()

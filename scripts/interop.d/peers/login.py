"""People log in by the code flow: a library sends a browser to the issuer's pages and gets an id_token (OpenID Connect
Core §3.1). The pages are driven over HTTP, with TLS."""

from __future__ import annotations

from urllib.parse import urlsplit

from browser import Browser, Page
from processes import Failure
from report import Report

from peers.answers import differs, part, token_of, verdict, with_members
from peers.libraries import Library, Registered
from peers.setting import PROFILE_SCOPES, REDIRECT, SIGNED_OUT, Setting
from peers.table import Table
from peers.tls import Authority


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def back_at_the_client(page: Page, redirect: str = REDIRECT) -> str:
    """The address of the client that the browser was sent to."""
    if not (page.location or "").startswith(f"{redirect}?"):
        raise Failure(f"not sent back to the client: {page.status} {page.location}")
    return page.location


def cases(table: Table, authority: Authority) -> None:
    setting = table.setting

    def new_browser() -> Browser:
        return Browser(setting.url, setting.url, authority.context())

    def begin(library: Library, client: Registered, **parameters: str) -> dict:
        asked = {"redirect_uri": REDIRECT, "scope": PROFILE_SCOPES, **parameters}
        answer = library.do("begin", client, algorithm="oidc", **asked) if "oidc" in library.can else None
        answer = answer or library.do("begin", client, **asked)
        if "ok" not in answer:
            raise Failure(f"no address to begin at: {verdict(answer)}")
        return answer["ok"]

    def finish(library: Library, client: Registered, callback: str, kept: dict) -> dict:
        algorithm = {"algorithm": "oidc"} if "oidc" in library.can else {}
        return library.do("log_in", client, callback=callback, kept=kept, **algorithm)

    def allowed(browser: Browser, client: Registered, begun: dict) -> str:
        """Signs in, and allows what the client asks for."""
        page = browser.sign_in(browser.open(path_of(begun["url"])), setting.user)
        if page.location is None:
            page = browser.post("/consent", {**page.hidden(), "decision": "allow"})
        return back_at_the_client(page)

    def log_in(library: Library, client: Registered = setting.shop, **parameters: str) -> tuple[Browser, dict]:
        browser, begun = new_browser(), begin(library, client, **parameters)
        return browser, finish(library, client, allowed(browser, client, begun), begun["kept"])

    def says_who(client: Registered):
        def complaint(tokens: dict) -> str | None:
            claims, header = tokens["claims"], part(tokens["id_token"], 0)
            wanted = {"iss": setting.url, "aud": client.id, "sub": part(tokens["access_token"], 1)["sub"], "acr": "aal1"}
            wanted |= {"amr": ["pwd"], "preferred_username": ..., "email": ...}
            if not claims["auth_time"] <= claims["iat"] < claims["exp"]:
                return f"auth_time, iat and exp are {claims}"
            return differs(header, {"alg": "RS256", "typ": "JWT"}) or differs(claims, wanted)

        return complaint

    def userinfo(library: Library) -> str:
        _, tokens = log_in(library)
        who = part(token_of(tokens, "id_token"), 1)["sub"]
        if "profile" in library.can:
            answer = {"ok": token_of(tokens, "profile")}
        else:
            answer = library.do("userinfo", setting.shop, token=token_of(tokens), sub=who)
        return verdict(answer, with_members(sub=who, preferred_username=setting.user, email=...))

    def refresh(library: Library, tokens: dict) -> dict:
        if "profile" in library.can:
            return library.do("refresh", setting.shop, user=tokens["ok"])
        return library.do("refresh", setting.shop, refresh_token=token_of(tokens, "refresh_token"))

    def somebody_else(library: Library) -> str:
        _, tokens = log_in(library)
        answer = library.do("userinfo", setting.shop, token=token_of(tokens), sub="somebody-else")
        return "taken" if "ok" in answer else "refused"

    def refreshed(library: Library) -> str:
        _, tokens = log_in(library)
        first = part(token_of(tokens, "id_token"), 1)
        answer = refresh(library, tokens)
        again = part(token_of(answer, "id_token"), 1)
        same = {name: first[name] for name in ("iss", "sub", "aud", "sid", "auth_time", "acr", "amr")}
        return differs(again, {**same, "nonce": ...}) or verdict(answer)

    def silent(library: Library) -> str:
        """Without a page for the browser that is signed in; not at all for another one."""
        browser, _ = log_in(library)
        begun = begin(library, setting.shop, prompt="none")
        callback = back_at_the_client(browser.open(path_of(begun["url"])))
        said = verdict(finish(library, setting.shop, callback, begun["kept"]), says_who(setting.shop))
        begun = begin(library, setting.shop, prompt="none")
        callback = back_at_the_client(new_browser().open(path_of(begun["url"])))
        return said if "error=login_required" in callback else f"{callback} without a session"

    def sign_out(library: Library) -> str:
        """By the id_token, without a question. Then nobody is signed in, and the client's tokens have ended."""
        browser, tokens = log_in(library)
        asked = {"id_token_hint": token_of(tokens, "id_token"), "post_logout_redirect_uri": SIGNED_OUT, "state": "a b&c"}
        page = browser.open(path_of(token_of(library.do("end_session", setting.shop, **asked), "url")))
        # A library may put something of its own before the state.
        back = page.location or ""
        if not back.startswith(f"{SIGNED_OUT}&state=") or not back.endswith("a%20b%26c"):
            return f"not sent back: {page.status} {page.location}"
        begun = begin(library, setting.shop, prompt="none")
        callback = back_at_the_client(browser.open(path_of(begun["url"])))
        if "error=login_required" not in callback:
            return f"{callback} after the sign-out"
        return verdict(refresh(library, tokens))

    def another_login(library: Library, **changes: str) -> str:
        """The answer to one login, with what was kept of another one."""
        kept = begin(library, setting.shop)["kept"]
        begun = begin(library, setting.shop)
        mixed = {**begun["kept"], **{name: kept[name] for name in kept if name.lower().endswith(changes["part"])}}
        answer = finish(library, setting.shop, allowed(new_browser(), setting.shop, begun), mixed)
        return "taken" if "ok" in answer else "refused"

    for name, client in (("with a secret", setting.shop), ("a public client", setting.shop_page)):
        check = says_who(client)
        table.ask(f"log in, {name}", "ok", lambda x, client=client, check=check: verdict(log_in(x, client)[1], check))
    table.ask("userinfo", "ok", userinfo)
    table.ask("userinfo of somebody else", "refused", somebody_else, "userinfo")
    table.ask("refresh, with an id_token", "ok", refreshed)
    table.ask("without a page", "ok", silent)
    table.ask("sign out", "invalid_grant", sign_out, "end_session")
    for part_ in ("state", "nonce", "verifier"):
        table.ask(f"another {part_}", "refused", lambda x, part_=part_: another_login(x, part=part_))


def web_app(report: Report, setting: Setting, authority: Authority, address: str) -> None:
    """The web application of docs/oauth/node, which README.md shows."""
    issuer, app = Browser(setting.url, setting.url, authority.context()), Browser(address, address)

    def logged_in(_: Library) -> str:
        begun = app.send("GET", "/web-app/login").location
        page = issuer.sign_in(issuer.open(path_of(begun)), setting.user)
        page = issuer.post("/consent", {**page.hidden(), "decision": "allow"})
        callback, before = path_of(back_at_the_client(page, f"{address}/web-app/callback")), dict(app.cookies)
        if Browser(address, address).open(callback).status < 400:
            return "another browser takes the login"
        person = app.open(callback)
        if app.cookies == before:
            return "the session has the id that it had before the login"
        return "logged in" if setting.user in person.html else f"{person.status} {person.html}"

    report.check("a person logs in", "logged in", logged_in)

"""A person is logged in at several web applications, and signs out at one of them or at the issuer: the others are told
(OpenID Connect Back-Channel Logout 1.0), and the browser comes back (RP-Initiated Logout 1.0)."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from browser import Browser, Page
from processes import Failure, eventually
from report import Report

from peers.login import path_of
from peers.setting import Setting
from peers.tls import Authority

CSRF = re.compile(r'name="_csrf"[^>]*value="([^"]+)"')
# Where a person sees who is logged in, is sent to log in, and logs out.
PAGES = {
    "express-openid-connect": ("/sign-out/", "/sign-out/login", "/sign-out/logout"),
    "Spring": ("/", "/oauth2/authorization/latchkey", "/logout"),
}


@dataclass
class Application:
    """A web application in its program."""

    name: str
    address: str


class Visit:
    """A browser at one application. The issuer has the same browser, but knows it by its own cookies."""

    def __init__(self, application: Application, issuer: Browser, setting: Setting, user: str) -> None:
        self.name, self.issuer, self.setting, self.user = application.name, issuer, setting, user
        self.browser = Browser(application.address, application.address)
        self.home, self.login, self.logout = PAGES[application.name]

    def sent_to_issuer(self, page: Page) -> Page:
        if not (page.location or "").startswith(f"{self.setting.url}/"):
            raise Failure(f"{self.name} did not send the browser to the issuer: {page.status} {page.location}")
        return self.issuer.open(path_of(page.location))

    def log_in(self) -> None:
        page = self.sent_to_issuer(self.browser.open(self.login))
        if page.location is None and 'name="password"' in page.html:
            page = self.issuer.sign_in(page, self.user)
        if page.location is None:
            page = self.issuer.post("/consent", {**page.hidden(), "decision": "allow"})
        self.come_back(page)
        if not self.is_logged_in():
            raise Failure(f"nobody is logged in at {self.name}")

    def come_back(self, page: Page) -> Page:
        if not (page.location or "").startswith(f"{self.browser.origin}/"):
            raise Failure(f"not sent back to {self.name}: {page.status} {page.location}")
        return self.browser.open(path_of(page.location) if "?" in page.location else urlsplit(page.location).path)

    def is_logged_in(self) -> bool:
        return self.user in self.browser.open(self.home).html

    def log_out(self) -> None:
        """Here, and at the issuer, which sends the browser back."""
        page = self.browser.open(self.logout)
        if found := CSRF.search(page.html):
            page = self.browser.post(self.logout, {"_csrf": html.unescape(found[1])})
        self.come_back(self.sent_to_issuer(page))


def cases(report: Report, setting: Setting, authority: Authority) -> None:
    for application in report.verifiers:
        setting.tell(application.name, application.address)

    # The other cases have redeemed nearly as many codes for their user as one may in a minute.
    user = setting.auth.register()

    def visits() -> tuple[Browser, dict[str, Visit]]:
        issuer = Browser(setting.url, setting.url, authority.context())
        there = {application.name: Visit(application, issuer, setting, user) for application in report.verifiers}
        for visit in there.values():
            visit.log_in()
        return issuer, there

    def ends(visit: Visit) -> str:
        """A sign-out waits for the applications that answer at once; a busy machine may need longer."""
        eventually(f"{visit.name} has ended its session", lambda: not visit.is_logged_in())
        return "ended"

    def at_another(application: Application) -> str:
        _, there = visits()
        for name, other in there.items():
            if name != application.name:
                other.log_out()
        return ends(there[application.name])

    def at_the_issuer(application: Application) -> str:
        issuer, there = visits()
        issuer.post("/logout", issuer.open("/logout").hidden())
        return ends(there[application.name])

    def another_browser(application: Application) -> str:
        """Signed out in one browser, and logged in in another one."""
        _, mine = visits()
        _, there = visits()
        there[application.name].log_out()
        return "ended" if not mine[application.name].is_logged_in() else "still logged in"

    report.check("a sign-out at another application", "ended", at_another)
    report.check("a sign-out at the issuer", "ended", at_the_issuer)
    # A logout token names session and person, and this library ends what any of the two names.
    wanted = {"express-openid-connect": "ended", "Spring": "still logged in"}
    report.check("a sign-out in another browser", wanted, another_browser)

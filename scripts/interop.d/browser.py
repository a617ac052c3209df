"""A person with a browser, as far as the hosted pages need one: keeps cookies, opens pages, and posts their forms."""

from __future__ import annotations

import html
import http.client
import re
import ssl
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin, urlsplit

from processes import Failure
from services import PASSWORD

FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
MOST_REDIRECTS = 5


@dataclass
class Page:
    status: int
    # Where the browser was sent, if it was.
    location: str | None
    html: str

    def hidden(self) -> dict[str, str]:
        """The hidden fields of the page's form."""
        return {name: html.unescape(value) for name, value in FIELD.findall(self.html)}


class Browser:
    """Talks to the issuer at `url`. `origin` is the issuer's own origin, from which its forms are posted."""

    def __init__(self, url: str, origin: str, tls: ssl.SSLContext | None = None) -> None:
        self.url, self.origin, self.tls = url, origin, tls
        self.cookies: dict[str, str] = {}

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> Page:
        """One request, without redirects."""
        host = urlsplit(self.url).netloc
        if self.tls:
            connection = http.client.HTTPSConnection(host, timeout=20, context=self.tls)
        else:
            connection = http.client.HTTPConnection(host, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie", []):
                name, value = cookie.split(";")[0].split("=", 1)
                self.cookies[name] = value
                if not value:  # the cookie is cleared
                    del self.cookies[name]
            return Page(answer.status, answer.headers.get("Location"), answer.read().decode())
        finally:
            connection.close()

    def open(self, path: str) -> Page:
        """Opens an address of the issuer. Follows redirects until there is a page, or an address of another site."""
        return self._follow(path, self.send("GET", path))

    def post(self, path: str, fields: dict[str, str]) -> Page:
        """Posts a form of the issuer, and follows as `open` does."""
        kind = "application/x-www-form-urlencoded"
        return self._follow(path, self.send("POST", path, urlencode(fields), Content_Type=kind, Origin=self.origin))

    def sign_in(self, form: Page, username: str) -> Page:
        """Fills in the sign-in page."""
        return self.post("/login", {**form.hidden(), "username": username, "password": PASSWORD})

    def _follow(self, path: str, page: Page) -> Page:
        for _ in range(MOST_REDIRECTS):
            target = urljoin(self.origin + path, page.location or "")
            if not page.location or not target.startswith(f"{self.origin}/"):
                return page
            path = target.removeprefix(self.origin)
            page = self.send("GET", path)
        raise Failure(f"redirected without end, last to {page.location}")

"""A table of cases for the libraries that support its feature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from report import Report
from services import PASSWORD

from peers.answers import Complaint, token_of, verdict
from peers.libraries import Library, Registered
from peers.setting import Setting


@dataclass
class Table:
    report: Report
    setting: Setting

    def ask(self, case: str, wanted: str, answer_of: Callable[[Library], str], *needs: str) -> None:
        """Checks a case with the libraries that also support the features in `needs`."""
        able = [library for library in self.report.verifiers if set(needs) <= set(library.can)]
        self.report.check(case, wanted, answer_of, able)

    def good(
        self, case: str, what: str, client: Registered, complaint: Complaint, *needs: str, **parameters: str
    ) -> None:
        self.ask(case, "ok", lambda library: verdict(library.do(what, client, **parameters), complaint), *needs)

    def refused(self, case: str, wanted: str, what: str, client: Registered, *needs: str, **parameters: str) -> None:
        self.ask(case, wanted, lambda library: verdict(library.do(what, client, **parameters)), *needs)

    def grant_refused(self, what: str, client: Registered, **good: str) -> None:
        """The cases that every grant must refuse."""

        def case(name: str, wanted: str, client: Registered, *needs: str, **changes: str) -> None:
            self.refused(name, wanted, what, client, *needs, **{**good, **changes})

        other = self.setting.other
        wrong = client.but(secret="lks_wrong")
        case("a wrong secret", "invalid_client", wrong)
        case("a wrong secret in the form", "invalid_client", wrong.but(method="client_secret_post"), "post")
        case("another client's secret", "invalid_client", client.but(secret=other.secret))
        case("an unknown client", "invalid_client", client.but(id="nobody"))
        case("a grant that the client has not", "unauthorized_client", self.setting.without(what))
        case("an unknown scope", "invalid_scope", client, scope="todos:read todos:own")
        case("a scope that the client has not", "invalid_scope", client, scope="todos:read profile")
        needs = () if what == "client_credentials" else ("narrow",)
        case("a foreign resource", "invalid_target", client, *needs, resource="https://elsewhere.example")


@dataclass
class Tokens:
    """The tokens of a client."""

    access: str
    refresh: str | None = None


def service_token(library: Library, setting: Setting, **parameters: str) -> str:
    return token_of(library.do("client_credentials", setting.service, **parameters))


def login(library: Library, setting: Setting, asks: Registered | None = None, **parameters: str) -> Tokens:
    asks = asks or setting.trusted
    answer = library.do("password", asks, username=setting.user, password=PASSWORD, **parameters)
    return Tokens(token_of(answer), token_of(answer, "refresh_token"))

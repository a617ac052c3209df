"""Rotation of a client's secret, and ids and secrets with every allowed character."""

from __future__ import annotations

from processes import eventually
from report import Report

from peers.answers import verdict
from peers.libraries import Registered
from peers.table import Table


def cases(table: Table) -> None:
    _odd(table)
    _exchanged(table)


def _odd(table: Table) -> None:
    """Id and secret are form-encoded in a Basic header (RFC 6749 §2.3.1), but not by every library. Where they do not match
    decoded, the issuer takes them as sent. That cannot help an id with a colon, which ends the id in the header."""
    unencoded = {"an odd secret": "ok", "an odd id": "invalid_client"}
    for name, client in table.setting.declared.items():
        for case, wanted, method, needs in (
            ("in Basic", "ok", "client_secret_basic", "encodes"),
            ("in Basic, unencoded", unencoded[name], "client_secret_basic", "leaves"),
            ("in the form", "ok", "client_secret_post", "post"),
        ):
            mine = client.but(method=method)
            table.refused(f"{name} {case}", wanted, "client_credentials", mine, needs)


def _exchanged(table: Table) -> None:
    setting = table.setting
    first = setting.create("exchanged", "client_credentials")

    def exchange(*options: str) -> Registered:
        made = setting.auth.command("clients", "rotate-secret", first.id, *options)
        return first.but(secret=made["client_secret"])

    def token(case: str, wanted: str, client: Registered) -> None:
        table.refused(case, wanted, "client_credentials", client)

    second = exchange()
    _comes_to(table.report, second, "ok")
    token("another secret", "ok", second)
    token("the one before, meanwhile", "ok", first)
    third = exchange("--keep-old", "0")
    _comes_to(table.report, third, "ok")
    token("a third, and none beside it", "ok", third)
    token("the one before it", "invalid_client", second)
    setting.auth.command("clients", "disable", first.id)
    _comes_to(table.report, third, "invalid_client")
    token("switched off", "invalid_client", third)


def _comes_to(report: Report, client: Registered, wanted: str) -> None:
    """Waits until the issuer has noticed a command that was run, which takes less than a second."""
    library = report.verifiers[0]
    eventually(f"{wanted} after a command", lambda: verdict(library.do("client_credentials", client)) == wanted)

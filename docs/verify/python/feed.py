"""A copy of Latchkey's revocation list that follows the feed."""

import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlencode

BOUND_S = 30  # an older list decides nothing
HOLD_S = 3  # the feed holds a request until there is news, but not for longer
LIMIT_S = 10
KINDS = ("jti", "sid", "sub", "client", "key")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class Feed:
    """Threads may share it."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.headers = url, {"Authorization": f"Bearer {token}"}
        self.opener = urllib.request.build_opener(NoRedirect)
        self.facts: dict[str, tuple[int, int]] = {}  # by kind and id: the cut (milliseconds), and when it may go (seconds)
        self.epoch = self.cursor = None
        self.as_of = float("-inf")

    def follow(self, on_another_list: Callable[[], None]) -> None:
        """Calls it when the list is that of another database, and for the first one."""
        threading.Thread(target=self._follow, args=(on_another_list,), daemon=True).start()

    def _follow(self, on_another_list: Callable[[], None]) -> None:
        while True:
            try:
                at_once = self._next(on_another_list)
            except (OSError, ValueError, KeyError, TypeError):
                at_once = False
            if not at_once:
                # Random, so that services that lost the feed together do not come back together.
                time.sleep(random.uniform(0.5, 1.5))

    def _next(self, on_another_list: Callable[[], None]) -> bool:
        """Requests one page. Whether to go on at once."""
        query = f"?{urlencode({'after': self.cursor, 'wait': HOLD_S})}" if self.cursor is not None else ""
        sent = time.monotonic()
        try:
            with self.opener.open(urllib.request.Request(self.url + query, headers=self.headers), timeout=LIMIT_S) as answer:
                page = json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code == 410 and bool(query) and self._start_again()
        # What is known stays known, whatever the list is.
        for entry in page["entries"]:
            self._add(**entry)
        if self.epoch not in (None, page["epoch"]):
            return self._start_again()
        if self.epoch is None:
            on_another_list()
        self.epoch, self.cursor = page["epoch"], page["cursor"]
        if not page["complete"]:
            return True
        self.as_of = sent  # the list is whole as of when the request was sent
        now = time.time()
        self.facts = {name: fact for name, fact in self.facts.items() if fact[1] + 60 >= now}
        return bool(query) and (bool(page["entries"]) or time.monotonic() - sent > 0.9 * HOLD_S)

    def _start_again(self) -> bool:
        self.epoch = self.cursor = None
        return True

    def _add(self, kind: str, id: str, at: int | None, exp: int, **_: object) -> None:
        if kind not in KINDS or type(exp) is not int or (type(at) is int) != (kind in ("sub", "client")):
            raise ValueError("malformed entry")
        cut, until = self.facts.get(f"{kind}:{id}", (0, 0))
        self.facts[f"{kind}:{id}"] = (max(at or 0, cut), max(exp, until))

    def ask(self, jti: str, sid: str, sub: str, client: str, key: str) -> str:
        """'revoked' (401), 'live', or 'unknown' (503)."""
        as_of, facts = self.as_of, self.facts
        issued = int(jti.replace("-", "")[:12], 16)  # a UUIDv7 begins with its time, milliseconds
        cuts = [facts[name][0] for name in (f"sub:{sub}", f"client:{client}") if name in facts]
        if any(name in facts for name in (f"jti:{jti}", f"sid:{sid}", f"key:{key}")) or any(issued <= cut for cut in cuts):
            return "revoked"
        return "live" if time.monotonic() - as_of <= BOUND_S else "unknown"

"""Latchkey's revocation list in Redis, asked with one MGET."""

import threading
import time
from collections.abc import Callable

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

LIMIT_S = 1


class RevocationList:
    """Threads may share it."""

    def __init__(self, redis_url: str, password: str | None = None, prefix: str = "{revoked}") -> None:
        self.prefix = prefix
        # By default redis-py repeats a command ten times, with pauses. Here an error is better than a late reply.
        limits = {"socket_timeout": LIMIT_S, "socket_connect_timeout": LIMIT_S, "retry": Retry(NoBackoff(), 0)}
        self.redis = redis.Redis.from_url(redis_url, password=password, decode_responses=True, **limits)

    def follow(self, on_another_list: Callable[[], None]) -> None:
        """Calls it within a second of a change of the list's epoch, and for the first one."""
        threading.Thread(target=self._follow, args=(on_another_list,), daemon=True).start()

    def _follow(self, on_another_list: Callable[[], None]) -> None:
        last = None
        while True:
            time.sleep(1)
            try:
                epoch = self.redis.get(f"{self.prefix}:epoch")
            except redis.RedisError:
                continue
            if epoch not in (None, last):
                last = epoch
                on_another_list()

    def ask(self, jti: str, sid: str, sub: str, client: str, key: str) -> str:
        """'revoked' (401), 'live', or 'unknown' (503)."""
        marks = (f"jti:{jti}", f"sid:{sid}", f"sub:{sub}", f"client:{client}", f"key:{key}")
        asked = time.monotonic()
        try:
            answer = self.redis.mget([f"{self.prefix}:{name}" for name in ("epoch", "as_of", *marks)])
        except redis.RedisError:
            return "unknown"
        epoch, _, by_jti, by_sid, by_sub, by_client, by_key = answer
        issued = int(jti.replace("-", "")[:12], 16)  # a UUIDv7 begins with its time, milliseconds
        cut = any(until is not None and issued <= int(until) for until in (by_sub, by_client))
        # A fact that was found always counts. If none was found, the token is live only if the list is known to be whole
        # and the reply came in time: this process may have been paused between the request and the reply.
        if cut or any(fact is not None for fact in (by_jti, by_sid, by_key)):
            return "revoked"
        return "live" if epoch is not None and time.monotonic() - asked <= LIMIT_S else "unknown"

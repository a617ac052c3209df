"""The issuer's key set."""

import threading
import time

import jwt


class NoKeySet(Exception):
    """It was never read."""


class Keys:
    """Read anew every four minutes, within its max-age, when the revocation list is another one, and for an unknown kid, then
    at most every ten seconds. The last good set serves for a day while the issuer is away."""

    def __init__(self, url: str) -> None:
        self.client = jwt.PyJWKClient(url, lifespan=86_400, timeout=5, cooldown_duration=10)
        self.due = 0
        threading.Thread(target=self._keep_fresh, daemon=True).start()

    def get(self, kid: str) -> jwt.PyJWK:
        """Raises NoKeySet, and jwt.PyJWTError for an unknown kid."""
        try:
            named = self._named(kid)
        except (jwt.PyJWTError, ValueError) as error:
            raise NoKeySet from error
        # PyJWT's own search holds a lock while it fetches, so good tokens would wait for an issuer that hangs. It also uses
        # the first of two keys with the same kid.
        if not named:
            self.client.get_signing_key(kid)
            named = self._named(kid)
        if len(named) != 1 or named[0].public_key_use not in ("sig", None):
            raise jwt.InvalidKeyError("not one key for signatures")
        return named[0]

    def read_anew(self) -> None:
        """The list is another one: the issuer's database may have been restored, and then a key that it does not know any more
        has to go. Read three times, because a replica of the issuer may be a second behind."""
        self.due = 3

    def _named(self, kid: str) -> list[jwt.PyJWK]:
        return [key for key in self.client.get_jwk_set().keys if key.key_id == kid]

    def _keep_fresh(self) -> None:
        read = time.monotonic()
        while True:
            time.sleep(1)
            if not self.due and time.monotonic() - read < 240:
                continue
            try:
                self.client.get_jwk_set(refresh=True)
            except (jwt.PyJWTError, ValueError):
                continue
            read, self.due = time.monotonic(), max(self.due - 1, 0)

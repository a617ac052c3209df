"""Counts the cases that passed, and prints those that failed."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from processes import PATIENCE_S, Failure, eventually


class Report:
    def __init__(self, verifiers: list, group: str) -> None:
        self.verifiers, self.group = verifiers, group
        self.passed, self.failed = Counter(), Counter()

    def _each(self, work, among: list | None = None) -> None:
        with ThreadPoolExecutor(len(self.verifiers)) as pool:
            list(pool.map(work, self.verifiers if among is None else among))

    def note(self, verifier, case: str, good: bool, why: str) -> None:
        (self.passed if good else self.failed)[verifier.name] += 1
        if not good:
            print(f"FAILED  {verifier.name:7} {self.group}: {case}: {why}", flush=True)

    def ask(self, case: str, wanted: str | dict[str, str], token) -> None:
        """Asks all verifiers at once. `token` is one token, or a function that makes one for a verifier.

        `wanted` is one answer, or the answer of each verifier by its name.
        """
        self.check(case, wanted, lambda verifier: verifier.ask(token(verifier) if callable(token) else token))

    def check(self, case: str, wanted: str | dict[str, str], answer_of, among: list | None = None) -> None:
        """Checks `answer_of` for all verifiers, or for those in `among`, at once."""

        def one(verifier) -> None:
            want = wanted if isinstance(wanted, str) else wanted[verifier.name]
            try:
                answer = answer_of(verifier)
            except (Failure, OSError) as error:
                answer = f"nothing ({error})"
            good = answer == want or (want == "200" and answer.startswith("200 "))
            self.note(verifier, case, good, f"wanted {want}, got {answer}")

        self._each(one, among)

    def comes_to(self, case: str, wanted: str, token, never: str = "-", patience_s: float = PATIENCE_S) -> None:
        """Waits until every verifier gives the wanted answer. None may give the answer `never` before."""

        def one(verifier) -> None:
            mine = token(verifier) if callable(token) else token

            def said() -> bool:
                answer = verifier.ask(mine)
                if answer.startswith(never):
                    raise Failure(f"got {answer}")
                return answer.startswith(wanted)

            try:
                eventually(case, said, patience_s)
                self.note(verifier, case, True, "")
            except (Failure, OSError) as error:
                self.note(verifier, case, False, str(error))

        self._each(one)

    def add(self, other: Report) -> None:
        """Adds the counts of another report."""
        self.passed += other.passed
        self.failed += other.failed

    def close(self) -> tuple[int, int]:
        width = max(7, *(len(verifier.name) for verifier in self.verifiers))
        for verifier in self.verifiers:
            passed, failed = self.passed[verifier.name], self.failed[verifier.name]
            word = "FAILED" if failed else "ok"
            print(f"{word:7} {verifier.name:{width}} {self.group}: {passed} of {passed + failed}", flush=True)
        return sum(self.passed.values()), sum(self.failed.values())

"""Prints what happened to the requests of load.py during each event, and fails if more failed than is allowed.

usage: report.py REQUESTS EVENTS
A line of EVENTS: begin, end (seconds since the epoch), `N` failures or `Ns` seconds of outage that are allowed, name.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path


def main() -> None:
    requests = sorted(json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines())
    bad = 0
    print(f"{'event':46} {'seconds':>7} {'requests':>8} {'failed':>6} {'allowed':>7} {'longest gap':>11}")
    for line in Path(sys.argv[2]).read_text().splitlines():
        begin, end, allowed, name = line.split("\t")
        during = [one for one in requests if float(begin) <= one[0] < float(end)]
        failed = [one for one in during if one[3] != "200"]
        # Between two requests, in the order in which they were sent, that were answered: how long nobody was served.
        sent = [float(begin), *(one[0] for one in during if one[3] == "200"), float(end)]
        gap = max(later - earlier for earlier, later in zip(sent, sent[1:]))
        is_bad = gap > float(allowed[:-1]) + 0.1 if allowed.endswith("s") else len(failed) > int(allowed)
        bad += is_bad or not during
        mark = "  TOO MANY" if is_bad else "" if during else "  NO REQUESTS"
        row = f"{name:46} {float(end) - float(begin):7.1f} {len(during):8} {len(failed):6} {allowed:>7} {gap:9.2f} s{mark}"
        print(row)
        if failed:
            what = Counter(f"{one[2]} {one[3]}" for one in failed)
            print("    failed: " + ", ".join(f"{count} {kind}" for kind, count in what.most_common(8)))
    sys.exit(1 if bad else 0)


main()

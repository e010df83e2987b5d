"""Program of the crash matrix: an appliance that submits once and lives until it is done.

``python -m tests.jobs.crash_once ROOT [before|after NUMBER]`` dies at that commit of the catalog.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.jobs import Retry
from tests.jobs.kit import Bench, bash, file, out


def die_at(bench: Bench, when: str, number: int) -> None:
    """Let the process die before or after one of the commits that follow."""
    write, lock, count = bench.catalog.write, threading.Lock(), [0]

    def counting(change: Callable[[Any], Any]) -> Any:
        with lock:
            count[0] += 1
            mine = count[0]
        if (when, mine) == ("before", number):
            os._exit(9)
        found = write(change)
        if (when, mine) == ("after", number):
            os._exit(9)
        return found

    bench.catalog.write = counting  # type: ignore[method-assign, assignment]


def main(root: str, when: str = "", number: str = "0") -> None:
    bench = Bench(Path(root))
    if not bench.sql("SELECT 1 FROM studies"):
        bench.study("S-1#V1", "x.txt")
    if when:
        die_at(bench, when, int(number))
    bench.start()
    if not bench.sql("SELECT 1 FROM batch"):
        count = Path(root) / "count"
        first = bash(
            f"echo $NORA_ATTEMPT >> {count}; cp $f1 $o1", file("x.txt"), out("y.txt TAG(t)")
        )
        flag = Path(root) / "flag"
        fails_once = f"if [ ! -e {flag} ]; then touch {flag}; exit 1; fi; cp $f1 $o1"
        rule = Retry(times=1, after=("exit",))
        second = bash(fails_once, file("y.txt"), out("z.txt"), retry=rule)
        bench.submit(first, second)
    keys = [key for (key,) in bench.sql("SELECT key FROM job ORDER BY id")]
    bench.wait(keys)
    bench.check()
    bench.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

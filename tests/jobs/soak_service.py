"""Program of the soak: an appliance that submits until there are enough jobs, and may be killed.

``python -m tests.jobs.soak_service ROOT JOBS``. What it was told is accepted, it tells on stdout.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from appliance.jobs import Retry
from tests.jobs.kit import ENDED_STATES, Bench, bash, file, need, out

LEDGER = 'echo "$NORA_JOB $NORA_ATTEMPT" >> {ledger}'
KINDS = {
    "short": "cat $f1 > $o1",
    "sleeps": "sleep 0.2; cat $f1 > $o1",
    "fails": "exit 3; $f1 $o1",
    "empty": "true $f1 $o1",
    "killed": "sleep 0.5; cat $f1 > $o1",
}
"""Jobs by name; ``killed`` are those whose supervisors may be killed, too."""


def submit(bench: Bench, number: int) -> None:
    """Submit a chain of two jobs of the next kind, and tell their keys once they are accepted."""
    ledger = LEDGER.format(ledger=bench.folder.root / "ledger")
    kind = list(KINDS)[number % len(KINDS)]
    rule = Retry(times=50) if kind == "killed" else Retry()
    first = bash(
        f"{ledger}; {KINDS[kind]}",
        file("x.txt"),
        out(f"r/{number}.txt"),
        name=kind,
        resources=need(cpus=1 + number % 2, gpus=int(number % 3 == 0)),
        retry=rule,
    )
    made = file(f"r/{number}.txt")
    second = bash(f"{ledger}; test -s $f1", made, name="after", resources=need())
    keys = bench.submit(first, second, priority=number % 3)
    sys.stdout.write(" ".join(keys) + "\n")
    sys.stdout.flush()


def main(root: str, wanted: str) -> None:
    bench = Bench(Path(root))
    if not bench.sql("SELECT 1 FROM studies"):
        bench.study("S-1#V1", "x.txt")
    bench.start()
    while True:
        ((number,),) = bench.sql("SELECT count(*) FROM batch")
        if 2 * number >= int(wanted):
            break
        submit(bench, number)
        time.sleep(0.05)
    while True:
        bench.check()
        states = {state for (state,) in bench.sql("SELECT DISTINCT state FROM job")}
        if states <= ENDED_STATES:
            break
        time.sleep(0.1)
    bench.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

"""Bench: what people feel while all processors are busy with jobs, over what they feel alone.

A search over studies, a page of the table of jobs, and a write to the catalog are timed alone,
then while every slot runs a job that only computes; once with jobs that step back, once with jobs
that do not. The ratio of the two says what stepping back buys.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _common import REPOSITORY, Bench

STUDIES = 2_000


def p95_ms(call: Callable[[], Any], seconds: float) -> float:
    """Call again and again, as a person does every 20 ms; give the 95th percentile in ms."""
    found = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - begin))
        time.sleep(0.02)
    return sorted(found)[int(0.95 * len(found))]


def measured(seconds: float, *, busy: bool, nice: int) -> dict[str, float]:
    """Time what people do, with or without jobs on all processors."""
    from appliance import catalog as cat
    from appliance.jobs import JobQuery
    from tests.jobs.kit import Bench as Appliance
    from tests.jobs.kit import bash, need

    slots = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        settings = {"jobs.cpus": slots, "jobs.nice": nice}
        appliance = Appliance(Path(folder) / "data", **settings)

        def fill(tx: cat.Tx) -> None:
            project = cat.ensure_project(tx, "demo")
            for number in range(STUDIES):
                subject = cat.ensure_subject(tx, project.id, f"S-{number}")
                cat.ensure_study(tx, subject, "V1", date="2020-01-01")

        appliance.catalog.write(fill)
        appliance.start()
        keys: list[str] = []
        if busy:
            spin = bash("while :; do :; done", resources=need())
            keys = [key for _ in range(slots) for key in appliance.submit(spin, targets=["S-1#V1"])]
            for key in keys:
                appliance.wait_state(key, "running")

        def search() -> None:
            with appliance.catalog.read() as con:
                cat.list_studies(con, 1, cat.StudyQuery(name="S-1*", limit=200))

        found = {
            "search": p95_ms(search, seconds),
            "jobs_page": p95_ms(lambda: appliance.scheduler.job_rows(JobQuery()), seconds),
            "write": p95_ms(
                lambda: appliance.catalog.write(lambda tx: tx.con.in_transaction), seconds
            ),
        }
        for key in keys:
            appliance.scheduler.cancel(key, "bench")
        appliance.wait(keys)
        appliance.close()
    return found


def main() -> int:
    """Measure alone, beside jobs that step back, and beside jobs that do not."""
    bench = Bench.from_arguments(__doc__)
    sys.path.insert(0, str(REPOSITORY))
    seconds = 1.0 if bench.small else 10.0
    alone = measured(seconds, busy=False, nice=10)
    polite = measured(seconds, busy=True, nice=10)
    rude = measured(seconds, busy=True, nice=0)
    for name, value in alone.items():
        bench.figure(f"interference.{name}.alone", value, "ms p95")
        bench.figure(
            f"interference.{name}.nice_10", polite[name], "ms p95", baseline=value, at_most=1.5
        )
        bench.figure(f"interference.{name}.nice_0", rude[name], "ms p95", baseline=value)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Bench: a hundred thousand jobs that wait: submitting them, one look for what starts, pages.

Also how long others wait for a write of theirs meanwhile, and a page far down. The same at a
thousand: what one job or one look costs must not grow with their number.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from _common import REPOSITORY, Bench

JOBS_A_BATCH = 50


def best_ms(call: Callable[[], Any], rounds: int = 5) -> float:
    """Give the fastest of some calls, in ms."""
    found = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - begin))
    return min(found)


class Others:
    """Somebody else who writes a little, again and again; notes the longest wait."""

    def __init__(self, catalog: Any) -> None:
        self._catalog, self._over = catalog, threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.longest_ms = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._over.wait(0.01):
            begin = time.perf_counter()
            self._catalog.write(lambda tx: tx.con.in_transaction)
            self.longest_ms = max(self.longest_ms, 1000 * (time.perf_counter() - begin))


def measured(jobs: int) -> dict[str, float]:
    """Submit so many jobs to a service that starts none, and look at them."""
    from appliance.jobs import BatchSpec, JobQuery
    from tests.jobs.kit import Bench as Appliance
    from tests.jobs.kit import bash, need

    with tempfile.TemporaryDirectory() as folder:
        appliance = Appliance(Path(folder) / "data", **{"jobs.cpus": 2})
        targets = [f"S-{number}#V1" for number in range(min(1000, jobs // JOBS_A_BATCH))]
        for psid in targets:
            appliance.study(psid)
        specs = tuple(
            bash("true", name=f"job{n}", resources=need(cpus=1 + n % 2))
            for n in range(JOBS_A_BATCH)
        )
        spec = BatchSpec(name="many", project="demo", jobs=specs, mode="parallel")
        begin = time.perf_counter()
        done = 0
        with Others(appliance.catalog) as others:
            while done < jobs:
                done += appliance.scheduler.submit_batch(spec, targets, "owner").n_jobs
        seconds = time.perf_counter() - begin
        pick = appliance.scheduler._machine.pick
        rows = appliance.scheduler.job_rows
        waiting = JobQuery(letters="q", sort="-created")
        found = {
            "submit_ms": 1000 * seconds / done,
            "tick_ms": best_ms(pick),
            "page_ms": best_ms(lambda: rows(waiting)),
            "deep_page_ms": best_ms(lambda: rows(JobQuery(letters="qre", offset=jobs // 5))),
            "deep_page_by_name_ms": best_ms(lambda: rows(JobQuery(sort="name", offset=jobs // 5))),
            "others_wait_ms": others.longest_ms,
        }
        busy = "UPDATE job SET state = 'running', attempt = 1 WHERE id IN (SELECT min(id) FROM job)"
        appliance.catalog.write(lambda tx: tx.con.execute(busy))
        found["busy_tick_ms"] = best_ms(pick)
        appliance.close()
    return found


def main() -> int:
    """Measure few and many."""
    bench = Bench.from_arguments(__doc__)
    sys.path.insert(0, str(REPOSITORY))
    few, many = (1_000, 5_000) if bench.small else (1_000, 100_000)
    small, large = measured(few), measured(many)
    bench.say(f"{few} and {many} jobs that wait")
    for name, unit, goal in (
        ("submit_ms", "ms a job", 1.5),
        ("tick_ms", "ms", None),
        ("busy_tick_ms", "ms", None),
        ("page_ms", "ms", 1.5),
    ):
        what = f"jobs_scale.{name.removesuffix('_ms')}"
        bench.figure(what, large[name], unit, baseline=small[name], at_most=goal)
    for name in ("deep_page", "deep_page_by_name", "others_wait"):
        bench.figure(f"jobs_scale.{name}", large[f"{name}_ms"], "ms", at_most=300)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

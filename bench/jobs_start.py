"""Bench: from the request of the page when somebody clicks Run to the first line of the log.

A trivial job on a real service that does nothing else, asked for as the page asks, through HTTP;
its log is read every few milliseconds until the line is there. The clock of the browser adds what
lies between a click and its request, below a millisecond.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from _common import Bench

from tests.support.service import Service
from tests.support.waiting import wait_until

GOAL_MS = 300.0
EVERY_S = 0.004
LINE = "here it is"


def started_ms(service: Service, body: dict[str, object]) -> float:
    """Start a job; milliseconds until its first line can be read."""
    begin = time.perf_counter()
    key = service.post("/batches", body)["key"]
    job = service.get("/jobs", batch=key, state="all", limit=1)["items"][0]["key"]
    while LINE not in service.get(f"/jobs/{job}/log")["text"]:
        time.sleep(EVERY_S)
    took = 1000 * (time.perf_counter() - begin)
    ended = "dek"
    wait_until(
        lambda: service.get(f"/jobs/{job}")["letter"] in ended, "the job has ended", every_s=0.02
    )
    return took


def bare_ms() -> float:
    """Start the same script as a plain process, and read its line."""
    begin = time.perf_counter()
    done = subprocess.run(["bash", "-c", f"echo {LINE}"], check=True, stdout=subprocess.PIPE)
    assert LINE in done.stdout.decode()
    return 1000 * (time.perf_counter() - begin)


def main() -> int:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    service = Service(root / "data")
    job = {"name": "hello", "language": "bash", "code": f"echo {LINE}"}
    body = {"project": "default", "name": "hello", "jobs": [job], "targets": ["S-1#1"]}
    try:
        service.start()
        receipt = service.upload("a.txt", b"text", subject="S-1", study="1")
        service.closed(receipt["key"])
        body["targets"] = [service.items("/projects/default/studies")[0]["psid"]]
        rounds = 10 if bench.small else 60
        found = [started_ms(service, body) for _ in range(rounds + 3)][3:]
        bare = [bare_ms() for _ in range(rounds)]
    finally:
        service.stop()
        shutil.rmtree(root, ignore_errors=True)
    bench.figure("jobs_start_p50", float(np.median(found)), "ms")
    bench.figure("jobs_start_p95", float(np.percentile(found, 95)), "ms", at_most=GOAL_MS)
    p95 = float(np.percentile(bare, 95))
    bench.figure("jobs_start_over_bare", float(np.percentile(found, 95)), "ms p95", baseline=p95)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

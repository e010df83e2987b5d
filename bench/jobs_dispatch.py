"""Bench: what it costs to run a job that does nothing, from its order to its end.

The same no-op 200 times over two slots: our durable jobs, GNU parallel, Huey with subprocess, dask
with subprocess, submitit, and a real Slurm of one node where its packages are installed. All run
one after the other on the same machine; the ratios are what counts.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _common import REPOSITORY, Bench, peer_python

SLOTS = 2

HUEY = """
import subprocess, sys, time
from huey import SqliteHuey
from huey.consumer import Consumer
huey = SqliteHuey(filename=sys.argv[2] + "/huey.sqlite", fsync=True)
@huey.task()
def noop():
    return subprocess.run(["true"], check=True).returncode + 1
n = int(sys.argv[1])
begin = time.perf_counter()
results = [noop() for _ in range(n)]
consumer = Consumer(huey, workers=2, initial_delay=0.01, max_delay=0.05, backoff=1)
consumer._set_signal_handlers = lambda: None
consumer.start()
for one in results:
    one.get(blocking=True, backoff=1.01, max_delay=0.05)
print(time.perf_counter() - begin)
consumer.stop()
"""
DASK = """
import subprocess, sys, time
from dask.distributed import Client, LocalCluster
if __name__ == "__main__":
    n = int(sys.argv[1])
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            begin = time.perf_counter()
            done = client.map(lambda i: subprocess.run(["true"]).returncode, range(n), pure=False)
            assert not any(client.gather(done))
            print(time.perf_counter() - begin)
"""
SUBMITIT = """
import subprocess, sys, time
import submitit
n = int(sys.argv[1])
executor = submitit.LocalExecutor(folder=sys.argv[2])
executor.update_parameters(timeout_min=5)
begin = time.perf_counter()
for first in range(0, n, 2):
    jobs = [executor.submit(subprocess.run, ["true"]) for _ in range(min(2, n - first))]
    for job in jobs:
        job.result()
print(time.perf_counter() - begin)
"""


def ours(jobs: int) -> tuple[float, float]:
    """Run them as one batch; give the seconds to the end and those of the submission alone."""
    from appliance.jobs import BatchSpec, JobSpec, Resources
    from tests.jobs.kit import Bench as Appliance

    noop = JobSpec(name="noop", language="bash", code="true", resources=Resources(memory_mb=1))
    with tempfile.TemporaryDirectory() as folder:
        appliance = Appliance(Path(folder) / "data", **{"jobs.cpus": SLOTS})
        targets = [f"S-{number}#V1" for number in range(jobs)]
        for psid in targets:
            appliance.study(psid)
        appliance.start()
        spec = BatchSpec(name="noop", project="demo", jobs=(noop,))
        begin = time.perf_counter()
        appliance.scheduler.submit_batch(spec, targets, "owner")
        submitted = time.perf_counter() - begin
        while appliance.sql("SELECT count(*) FROM job WHERE state <> 'done'") != [(0,)]:
            time.sleep(0.01)
        seconds = time.perf_counter() - begin
        appliance.close()
    return seconds, submitted


def start_ms(bench: Bench) -> list[float]:
    """Submit jobs one by one to an idle service; give the ms to the first line of each log."""
    from tests.jobs.kit import Bench as Appliance
    from tests.jobs.kit import bash

    found = []
    with tempfile.TemporaryDirectory() as folder:
        appliance = Appliance(Path(folder) / "data", **{"jobs.cpus": SLOTS})
        appliance.study("S-1#V1")
        appliance.start()
        for _ in range(10 if bench.small else 40):
            begin = time.perf_counter()
            (key,) = appliance.submit(bash("echo up"))
            while not appliance.log(key):
                time.sleep(0.002)
            found.append(1000 * (time.perf_counter() - begin))
            appliance.wait([key])
        appliance.close()
    return sorted(found)


def parallel(jobs: int) -> float:
    """Run them by GNU parallel with a job log, its own record of what ended how."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        names = "\n".join(map(str, range(jobs)))
        command = ["parallel", f"-j{SLOTS}", "--joblog", f"{folder}/log", "true", "{}"]
        subprocess.run(command, input=names, text=True, check=True)
        return time.perf_counter() - begin


def peer(code: str, python: Path | str, jobs: int) -> float:
    """Run a peer's program; it prints its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "peer.py"
        program.write_text(code, encoding="utf-8")
        done = subprocess.run(
            [str(python), str(program), str(jobs), folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
            timeout=900,
        )
    return float(done.stdout.split()[-1])


def peer_of(code: str, name: str, package: str, jobs: int) -> float:
    """Run a peer's program in an environment of its own."""
    return peer(code, peer_python(name, [package]), jobs)


def slurm(jobs: int) -> float:
    """Run them as one array of a Slurm of our own."""
    from tests.support.slurm import a_slurm

    with tempfile.TemporaryDirectory() as folder, a_slurm(Path(folder)) as site:
        begin = time.perf_counter()
        subprocess.run(
            ["sbatch", "--wait", "--mem=1", f"--array=1-{jobs}%{SLOTS}", "--wrap=true"],
            env=os.environ | site.env,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - begin


def attempt(bench: Bench, name: str, run: Callable[[], float]) -> float | None:
    """Measure a peer, or say why it is left out."""
    try:
        return run()
    except (OSError, ImportError, subprocess.SubprocessError) as error:
        bench.say(f"{name} is left out: {error}")
        return None


def main() -> int:
    """Run all, best of three for ours and parallel."""
    bench = Bench.from_arguments(__doc__)
    jobs = 40 if bench.small else 200
    rounds = 1 if bench.small else 3
    sys.path.insert(0, str(REPOSITORY))
    bench.say(f"{jobs} jobs that do nothing, {SLOTS} at a time")
    gnu = None
    if shutil.which("parallel"):
        gnu = min(parallel(jobs) for _ in range(rounds))
        bench.figure("jobs_dispatch.gnu_parallel", 1000 * gnu / jobs, "ms a job")
    else:
        bench.say("GNU parallel is not installed")
    mine, submitted = min(ours(jobs) for _ in range(rounds))
    bench.figure("jobs_dispatch.submit", 1000 * submitted / jobs, "ms a job")
    bench.figure(
        "jobs_dispatch.ours",
        1000 * mine / jobs,
        "ms a job",
        baseline=1000 * gnu / jobs if gnu else None,
        at_most=3 if gnu else None,
    )
    starts = start_ms(bench)
    late = starts[int(0.95 * len(starts))]
    bench.figure("jobs_dispatch.start_p50", starts[len(starts) // 2], "ms to the first line")
    bench.figure("jobs_dispatch.start_p95", late, "ms to the first line", at_most=300)
    few = 4 if bench.small else 10
    peers: list[tuple[str, Callable[[], float], int]] = [
        ("huey", functools.partial(peer_of, HUEY, "huey", "huey", jobs), jobs),
        ("dask", functools.partial(peer_of, DASK, "dask", "distributed", jobs), jobs),
        ("submitit", functools.partial(peer_of, SUBMITIT, "submitit", "submitit", few), few),
    ]
    if not bench.small:
        peers.append(("slurm", functools.partial(slurm, jobs), jobs))
    for name, run, count in peers:
        with contextlib.suppress(subprocess.TimeoutExpired):
            seconds = attempt(bench, name, run)
            if seconds is None:
                continue
            goal = 8.0 if name == "slurm" else None
            bench.figure(
                f"jobs_dispatch.{name}",
                1000 * seconds / count,
                "ms a job",
                baseline=1000 * mine / jobs,
                at_least=goal,
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The soak: many short jobs while the service is killed again and again; ``NORA_SOAK_JOBS=300``."""

from __future__ import annotations

import collections
import contextlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.jobs.kit import Bench
from tests.jobs.soak_service import KINDS

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = {
    "short": ("done", "done"),
    "sleeps": ("done", "done"),
    "killed": ("done", "done"),
    "fails": ("failed", "skipped"),
    "empty": ("failed", "skipped"),
}


def test_the_kinds_of_jobs_are_known() -> None:
    assert set(KINDS) == set(EXPECTED)


class Soak:
    """Lives of one service, one after the other."""

    def __init__(self, root: Path, jobs: int, seed: int) -> None:
        self.root = root
        self.jobs = jobs
        self.random = random.Random(seed)
        self.accepted: list[str] = []
        self.lives = 0
        self.kills = collections.Counter[str]()

    def live(self, *, kill: bool) -> bool:
        """Let the service live, for a random time at most; tell whether it came to its end."""
        command = [sys.executable, "-m", "tests.jobs.soak_service", str(self.root), str(self.jobs)]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        self.lives += 1
        with subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
        ) as service:
            reader = threading.Thread(target=self._listen, args=(service,))
            reader.start()
            if kill:
                self._kill_somehow(service)
            service.wait()
            reader.join()
        assert service.returncode in (0, -signal.SIGKILL)
        return service.returncode == 0

    def _listen(self, service: subprocess.Popen[str]) -> None:
        assert service.stdout is not None
        for line in service.stdout:
            if line.endswith("\n"):
                self.accepted += line.split()

    def _kill_somehow(self, service: subprocess.Popen[str]) -> None:
        before = len(self.accepted)
        end = time.monotonic() + 60
        while len(self.accepted) == before and service.poll() is None and time.monotonic() < end:
            time.sleep(0.01)  # it has begun to work, or only waits for the last jobs
            if len(self.accepted) >= self.jobs:
                break
        time.sleep(self.random.uniform(0, 1.2))
        if self.random.random() < 0.5:
            self._kill_a_supervisor()
        service.kill()
        self.kills["service"] += 1

    def _kill_a_supervisor(self) -> None:
        """Kill the supervisor of a live job that has a rule for that."""
        for claim in self.root.glob("jobs/*/*/claim"):
            spec = claim.with_name("spec.json")
            if claim.with_name("exit.json").exists() or not spec.exists():
                continue
            script = claim.with_name("script.sh")
            if not script.exists() or "sleep 0.5" not in script.read_text():
                continue
            pid = json.loads(claim.read_bytes()).get("shim_pid")
            with contextlib.suppress(ProcessLookupError):
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
                    self.kills["supervisor"] += 1
            return


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nothing_is_lost_and_nothing_runs_twice_while_the_service_is_killed(
    tmp_path: Path,
) -> None:
    jobs = int(os.environ.get("NORA_SOAK_JOBS", "30"))
    seed = int(os.environ.get("NORA_SOAK_SEED", "1"))
    soak = Soak(tmp_path / "data", jobs, seed)
    kills = max(3, jobs // 10)
    while soak.kills["service"] < kills and not soak.live(kill=True):
        pass
    assert soak.live(kill=False)
    logging.getLogger(__name__).warning(
        "%d jobs, %d lives, killed %s, seed %d", jobs, soak.lives, dict(soak.kills), seed
    )

    bench = Bench(tmp_path / "data")
    try:
        check(bench, soak)
    finally:
        bench.close()


def check(bench: Bench, soak: Soak) -> None:
    bench.check()
    rows = bench.sql(
        "SELECT j.key, j.name, j.state, j.attempt, b.key, j.seq FROM job j JOIN batch b"
        " ON b.id = j.batch_id ORDER BY b.id, j.seq"
    )
    assert len(rows) >= soak.jobs
    assert set(soak.accepted) <= {row[0] for row in rows}  # nothing that was accepted is forgotten
    chains: dict[str, list[tuple[str, str]]] = {}
    for _, name, state, _, batch, _ in rows:
        chains.setdefault(batch, []).append((name, state))
    for (name, first), (_, second) in chains.values():
        assert (first, second) == EXPECTED[name], name
    ran = (bench.folder.root / "ledger").read_text().splitlines()
    assert len(ran) == len(set(ran))  # no attempt ran twice
    times = collections.Counter(line.split()[0] for line in ran)
    last = {tuple(line.split()) for line in ran}
    for key, name, state, attempt, _, _ in rows:
        if state == "skipped":
            assert times[key] == 0
            continue
        assert (key, str(attempt)) in last
        if name != "killed":
            assert times[key] == 1, (key, name)  # without a rule nothing is done again
    origins = dict(
        bench.sql("SELECT p.path, f.origin FROM files f JOIN paths p ON p.id = f.path_id")
    )
    made = {
        key: attempt
        for key, name, state, attempt, _, _ in rows
        if state == "done" and name != "after"
    }
    by_origin = {f"attempt:{key}/{attempt}" for key, attempt in made.items()}
    assert {origin for origin in origins.values() if origin} == by_origin
    assert bench.sql("SELECT count(*) FROM tokens") == [(0,)]

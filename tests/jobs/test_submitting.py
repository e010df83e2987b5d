"""Large batches are written piece by piece: all or nothing, and others get their turn."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.core import Invalid
from appliance.jobs import BatchSpec, JobQuery, Submitted, batches
from tests.jobs.crash_many import JOBS, STUDIES
from tests.jobs.kit import Bench, MakeBench, bash
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
TARGETS = [f"S-{n}#V1" for n in range(5)]
SPEC = BatchSpec(name="many", project="demo", jobs=(bash("true"), bash("true")), mode="parallel")


@pytest.fixture
def idle(make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(batches, "_AT_ONCE", 4)
    bench = make_bench(start=False)
    for psid in TARGETS:
        bench.study(psid)
    return bench


LEFT = """
SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM job), (SELECT count(*) FROM job_count),
  (SELECT count(*) FROM job_event), (SELECT count(*) FROM job_dep), (SELECT count(*) FROM attempt)
"""


def looks_on(bench: Bench, monkeypatch: pytest.MonkeyPatch, look: Callable[[], None]) -> list[int]:
    """Look after each write; give how many jobs there were in the table after each."""
    write, seen = bench.catalog.write, list[int]()

    def watched(change: Callable[[Any], Any]) -> Any:
        found = write(change)
        seen.append(bench.sql("SELECT count(*) FROM job")[0][0])
        look()
        return found

    monkeypatch.setattr(bench.catalog, "write", watched)
    return seen


def test_BATCH_x02_a_large_batch_is_there_at_once_or_not_at_all(
    idle: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    totals: list[tuple[int, int, int]] = []

    def look() -> None:
        page = idle.scheduler.job_rows(JobQuery(letters="q"))
        counts = idle.scheduler.desk.counts(JobQuery(), "owner")["own"].get("q", 0)
        batch_rows = idle.scheduler.desk.batches("demo")
        assert idle.scheduler._batches.submissions.withdraw_dead() == 0
        assert len(page.items) == page.total == counts
        starts = len(idle.scheduler._machine.pick())
        totals.append((page.total, starts, len(batch_rows)))

    seen = looks_on(idle, monkeypatch, look)
    done = idle.scheduler.submit_batch(SPEC, TARGETS, "owner")
    assert done.n_jobs == 10
    assert seen == [4, 8, 10, 10]  # pieces, each a write, and the one that accepts them
    assert totals == [(0, 0, 0), (0, 0, 0), (0, 0, 0), (10, 4, 1)]
    told = [one for one in idle.catalog.events_since(0) if one.topic == "batch.submitting"]
    assert [(one.data["n"], one.data["of"]) for one in told] == [(4, 10), (8, 10), (10, 10)]


def test_a_large_batch_that_is_refused_leaves_nothing(idle: Bench) -> None:
    def refuse(_tx: Any, done: Submitted) -> None:
        assert done.n_jobs == 10
        raise Invalid("no")

    with pytest.raises(Invalid, match="no"):
        idle.scheduler.submit_batch(SPEC, TARGETS, "owner", within=refuse)
    assert idle.sql(LEFT) == [(0,) * 6]


def test_chains_in_rows_go_on_from_piece_to_piece(idle: Bench) -> None:
    idle.submit(bash("true"), bash("true"), targets=TARGETS, group="batch", n_groups=1)
    assert idle.sql("SELECT count(*) FROM job_dep") == [(9,)]
    assert len(idle.scheduler._machine.pick()) == 1


@pytest.mark.parametrize(
    ("when", "number"), [("after", 1), ("before", 2), ("after", 2), ("before", 3), ("after", 3)]
)
def test_a_service_killed_while_it_submits_has_accepted_all_or_nothing(
    tmp_path: Path, when: str, number: int
) -> None:
    root = tmp_path / "data"
    command = [sys.executable, "-m", "tests.jobs.crash_many", str(root), when, str(number)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, cwd=ROOT, env=env, check=False, timeout=120).returncode == 9
    accepted = (when, number) == ("after", 3)
    bench = Bench(root, **{"jobs.cpus": 1})
    try:
        page = bench.scheduler.job_rows(JobQuery())
        assert page.total == (JOBS * STUDIES if accepted else 0)
        if accepted:
            assert bench.sql("SELECT state, count(*) FROM job GROUP BY 1") == [("queued", 1200)]
            return
        assert bench.sql("SELECT count(*) FROM job") != [(0,)]
        bench.start()
        wait_until(lambda: bench.sql("SELECT * FROM batch") == [], "it is withdrawn", every_s=0.02)
        assert bench.sql(LEFT) == [(0,) * 6]
    finally:
        bench.close()

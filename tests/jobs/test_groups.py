"""Groups of rows: one after another everywhere, and in one job where a cluster runs them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from appliance.jobs.cluster import ClusterAdapter
from appliance.jobs.workload import Entry, Seen
from tests.jobs.kit import Bench, MakeBench, bash, file, out
from tests.jobs.places import Place
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system

ELSEWHERE = pytest.mark.parametrize("place", ["slurm", "sge"], indirect=True)
STUDIES = ("S-1#V1", "S-1#V2", "S-1#V3")


@pytest.fixture
def there(make_bench: MakeBench, place: Place) -> Bench:
    return bench_of(make_bench, place)


def bench_of(make_bench: MakeBench, place: Place) -> Bench:
    bench = make_bench(**place.settings)
    for psid in STUDIES:
        bench.study(psid, "x.txt")
    return bench


def carriers(bench: Bench, keys: list[str]) -> list[tuple[str | None, str | None]]:
    """What carried the attempts of jobs that ran, and what the cluster calls that."""
    rows = bench.sql(
        "SELECT DISTINCT a.carrier, a.backend_ref FROM attempt a JOIN job j ON j.id = a.job_id"
        " WHERE j.key IN (SELECT value FROM json_each(?)) AND a.state <> 'never_ran'",
        json.dumps(keys),
    )
    return [(row[0], row[1]) for row in rows]


def ours(bench: Bench, place: Place) -> list[Entry]:
    adapter = bench.scheduler.adapters.named(place.adapter)
    assert isinstance(adapter, ClusterAdapter)
    return [one for one in adapter.list_now() if one.mark and one.seen is not Seen.ENDED]


def test_BATCH_x01_a_group_runs_one_after_another_in_one_job(
    there: Bench, place: Place, tmp_path: Path
) -> None:
    spans = tmp_path / "spans"
    first = bash(f"echo + >> {spans}; cp $f1 $o1; echo - >> {spans}", file("x.txt"), out("y.txt"))
    second = bash(
        f"echo + >> {spans}; echo - >> {spans}; [ $NORA_STUDY != V2 ]; cp $f1 $o1",
        *(file("y.txt"), out("z.txt")),
    )
    third = bash("true", name="third")
    keys = there.submit(first, second, third, targets=STUDIES, queue="far", group="subject")
    good, bad = ["done"] * 3, ["done", "failed", "skipped"]
    assert there.wait(keys) == [*good, *bad, *good]
    assert spans.read_text().split() == ["+", "-"] * 6
    if place.adapter == "local":
        assert carriers(there, keys) == [(None, None)]
        return
    ((carrier, ref),) = carriers(there, keys)
    assert carrier == f"nora-{keys[0]}-1"
    assert ref
    wait_until(lambda: not ours(there, place), "it has ended there")
    folders = [there.folder.jobs / key / "1" for key in keys if there.row(key).state == "done"]
    assert all((folder / "exit.json").exists() for folder in folders)
    there.check()


def test_BATCH_x01_everything_in_n_jobs(there: Bench, place: Place) -> None:
    keys = there.submit(bash("true"), targets=STUDIES, queue="far", group="batch", n_groups=2)
    assert there.wait(keys) == ["done"] * 3
    if place.adapter != "local":
        assert len(carriers(there, keys)) == 2
        assert carriers(there, [keys[0], keys[2]]) == carriers(there, [keys[0]])


def test_one_job_of_a_group_is_suspended_resumed_and_cancelled(there: Bench, place: Place) -> None:
    code = "while :; do date +%s%N > ticks; sleep 0.05; done"
    keys = there.submit(
        bash(f"[ $NORA_STUDY = V3 ] || {{ {code}; }}"),
        targets=STUDIES,
        queue="far",
        group="subject",
    )
    for key in keys[:2]:
        ticks = there.folder.jobs / key / "1" / "work" / "ticks"
        wait_until(lambda at=ticks: at.exists(), "it runs")
        there.wait_state(key, "running")
        there.scheduler.suspend(key, "owner")
        wait_until(lambda at=ticks: stands_still(at), "it stands still")
        there.scheduler.resume(key, "owner")
        wait_until(lambda at=ticks: not stands_still(at), "it goes on")
        there.scheduler.cancel(key, "owner")
        there.wait([key])
    assert there.wait(keys) == ["cancelled", "cancelled", "done"]
    assert len(carriers(there, keys)) == 1


def stands_still(path: Path) -> bool:
    before = path.read_text()
    time.sleep(0.3)
    return before == path.read_text()


@ELSEWHERE
def test_a_carrier_that_is_ended_there_leaves_the_rest_to_another(
    there: Bench, place: Place
) -> None:
    slow = "[ $NORA_STUDY != V1 ] || while :; do sleep 0.05; done; echo $NORA_ATTEMPT"
    keys = there.submit(bash(slow), targets=STUDIES, queue="far", group="subject")
    there.wait_state(keys[0], "running")
    adapter = there.scheduler.adapters.named(place.adapter)
    assert isinstance(adapter, ClusterAdapter)
    adapter._workload.cancel(ours(there, place), force=True)
    assert there.wait(keys) == ["cancelled", "done", "done"]
    assert {carrier for carrier, _ in carriers(there, keys)} == {
        f"nora-{keys[0]}-1",
        f"nora-{keys[1]}-{there.row(keys[1]).attempt}",
    }


@ELSEWHERE
def test_a_held_rest_lets_the_carrier_go_and_gets_another(there: Bench, place: Place) -> None:
    go = there.folder.root / "go"
    slow = f"[ $NORA_STUDY != V1 ] || while [ ! -e {go} ]; do sleep 0.05; done"
    keys = there.submit(bash(slow), targets=STUDIES, queue="far", group="subject")
    there.wait_state(keys[0], "running")
    for key in keys[1:]:
        there.scheduler.act(key, "hold", "owner")
    go.touch()
    there.wait([keys[0]])
    wait_until(lambda: not ours(there, place), "it has ended there")
    for key in keys[1:]:
        there.scheduler.act(key, "release", "owner")
    assert there.wait(keys) == ["done"] * 3
    assert len(carriers(there, keys)) == 2


def test_a_service_that_restarts_goes_on_with_a_group(make_bench: MakeBench, place: Place) -> None:
    bench = bench_of(make_bench, place)
    go = bench.folder.root / "go"
    slow = f"echo $NORA_JOB >> {go}.ran; while [ ! -e {go} ]; do sleep 0.05; done"
    keys = bench.submit(bash(slow), targets=STUDIES, queue="far", group="subject")
    bench.wait_state(keys[0], "running")
    bench.close()
    again = make_bench(**place.settings)
    go.touch()
    assert again.wait(keys) == ["done"] * 3
    assert Path(f"{go}.ran").read_text().split() == keys
    assert len(carriers(again, keys)) == 1

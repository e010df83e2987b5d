"""The contract of adapters, the same at every place: this machine, a real Slurm, a stub of SGE."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from appliance.core import Conflict
from appliance.jobs.cluster import ClusterAdapter
from appliance.jobs.workload import Seen
from tests.jobs.kit import Bench, MakeBench, bash, file, need, out
from tests.jobs.places import Place
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system

ELSEWHERE = pytest.mark.parametrize("place", ["slurm", "sge"], indirect=True)


@pytest.fixture
def there(make_bench: MakeBench, place: Place) -> Bench:
    """A running bench with one study; its queue `far` goes to the place."""
    bench = make_bench(**place.settings)
    bench.study("S-1#V1", "x.txt")
    return bench


def test_BATCH_07_every_end_is_told_as_it_was_with_its_log(there: Bench, place: Place) -> None:
    keys = {
        name: there.submit(job, queue="far")[0]
        for name, job in {
            "done": bash("echo hello; cp $f1 $o1", file("x.txt"), out("y.txt TAG(t)")),
            "exit(3)": bash("exit 3"),
            "missing_output": bash("true", out("never.txt")),
            "cannot_start": bash("/no/such/program"),
            "signal(SIGKILL)": bash("kill -9 $$"),
            "timeout": bash("sleep 60", resources=need(walltime_s=1)),
        }.items()
    }
    there.wait(list(keys.values()))
    assert {name: there.row(key).failure or there.row(key).state for name, key in keys.items()} == {
        name: name for name in keys
    }
    assert "hello" in there.log(keys["done"])
    row = there.row(keys["done"])
    assert row.adapter == place.adapter
    assert row.started_at is not None
    assert row.wall_s is not None
    there.check()


def test_BATCH_07_BATCH_04_a_chain_passes_its_files_on_and_stops_where_one_fails(
    there: Bench,
) -> None:
    first = bash("cp $f1 $o1", file("x.txt"), out("y.txt"))
    second = bash("test $(cat $f1) = abc; exit 7", file("y.txt"))
    third = bash("true", name="third")
    keys = there.submit(first, second, third, queue="far")
    assert there.wait(keys) == ["done", "failed", "skipped"]
    assert there.row(keys[1]).failure == "exit(7)"


def test_the_environment_of_a_job(there: Bench) -> None:
    job = bash(
        'echo "$NORA_PROJECT $NORA_SUBJECT $NORA_JOB $NORA_ATTEMPT $OMP_NUM_THREADS'
        ' $MINE [$CUDA_VISIBLE_DEVICES]"; [ "$PWD" = "$TMPDIR" ]; env | grep -c ^SECRET_ || true',
        env={"MINE": "a b"},
        resources=need(cpus=2),
    )
    (key,) = there.submit(job, queue="far")
    assert there.wait([key]) == ["done"]
    assert there.log(key).splitlines() == [f"demo S-1 {key} 1 2 a b []", "0"]


def test_a_running_job_is_suspended_resumed_and_cancelled(there: Bench) -> None:
    code = "trap 'echo told; exit 0' TERM; while :; do date +%s%N > ticks; sleep 0.05; done"
    (key,) = there.submit(bash(code), queue="far")
    ticks = there.folder.jobs / key / "1" / "work" / "ticks"
    wait_until(lambda: ticks.exists() and there.row(key).state == "running", "it runs")
    there.scheduler.suspend(key, "owner")
    assert there.row(key).state == "suspended"
    wait_until(lambda: stands_still(ticks), "it stands still")
    there.scheduler.resume(key, "owner")
    wait_until(lambda: not stands_still(ticks), "it goes on")
    assert there.row(key).state == "running"
    there.scheduler.cancel(key, "owner")
    assert there.wait([key]) == ["cancelled"]
    assert there.row(key).why == "cancelled by owner"
    assert "told" in there.log(key)


def waiting_marks(adapter: ClusterAdapter) -> list[str]:
    return [one.mark for one in adapter.list_now() if one.mark and one.seen is Seen.PENDING]


def stands_still(path: Path) -> bool:
    before = path.read_text()
    time.sleep(0.3)
    return bool(before == path.read_text())


def test_a_service_that_restarts_finds_its_jobs_there_again(
    make_bench: MakeBench, place: Place
) -> None:
    bench = make_bench(**place.settings)
    bench.study("S-1#V1", "x.txt")
    slow = bash("while [ ! -e go ]; do sleep 0.05; done; exit 3")
    slow_key, quick = bench.submit(slow, bash("true"), queue="far", mode="parallel")
    folder = bench.folder.jobs / slow_key / "1"
    wait_until((folder / "run.json").exists, "it runs")
    bench.close()
    again = make_bench(**place.settings)
    (folder / "work" / "go").touch()
    assert again.wait([slow_key, quick]) == ["failed", "done"]
    assert again.row(slow_key).failure == "exit(3)"
    assert again.row(slow_key).attempt == 1


@ELSEWHERE
def test_a_job_that_waits_there_says_so_and_can_be_held_and_cancelled(
    there: Bench, place: Place
) -> None:
    held, cancelled = there.submit(bash("true"), bash("true"), queue="shut", mode="parallel")
    for key in (held, cancelled):
        wait_until(lambda key=key: f"at {place.adapter}" in there.row(key).why, "it waits there")
        assert there.row(key).letter == "q"
    there.scheduler.act(held, "hold", "owner")
    assert there.row(held).state == "held"
    there.scheduler.cancel(cancelled, "owner")
    there.wait_state(cancelled, "cancelled")
    adapter = there.scheduler.adapters.named(place.adapter)
    assert isinstance(adapter, ClusterAdapter)
    wait_until(lambda: not waiting_marks(adapter), "both are gone there")
    there.scheduler.act(held, "release", "owner")
    wait_until(
        lambda: there.row(held).attempt == 2,
        "it is handed over again",
        show=lambda: there.row(held),
    )
    there.scheduler.cancel(held, "owner")
    there.wait_state(held, "cancelled")
    assert there.sql(
        "SELECT n, a.state FROM attempt a JOIN job j ON j.id = a.job_id WHERE key = ? ORDER BY n",
        held,
    )[0] == (1, "never_ran")


def test_a_suspended_job_is_told_and_ended_when_it_is_cancelled(there: Bench) -> None:
    code = "trap 'echo told; exit 0' TERM; while :; do date +%s%N > ticks; sleep 0.05; done"
    (key,) = there.submit(bash(code), queue="far")
    ticks = there.folder.jobs / key / "1" / "work" / "ticks"
    wait_until(lambda: ticks.exists() and there.row(key).state == "running", "it runs")
    there.scheduler.suspend(key, "owner")
    wait_until(lambda: stands_still(ticks), "it stands still")
    there.scheduler.cancel(key, "owner")
    assert there.wait([key]) == ["cancelled"]
    assert there.row(key).why == "cancelled by owner"
    assert "told" in there.log(key)


def test_a_job_can_be_cancelled_before_its_suspension_has_come_there(there: Bench) -> None:
    (key,) = there.submit(bash("sleep 300"), queue="far")
    there.wait_state(key, "running")
    there.scheduler.suspend(key, "owner")
    there.scheduler.cancel(key, "owner")
    assert there.wait([key]) == ["cancelled"]
    assert there.row(key).why == "cancelled by owner"


@ELSEWHERE
def test_a_job_that_the_cluster_refuses_fails_with_its_words(there: Bench) -> None:
    (key,) = there.submit(bash("true"), queue="nowhere")
    assert there.wait([key]) == ["failed"]
    row = there.row(key)
    assert row.failure == "cannot_start"
    assert "refused" in row.why


@ELSEWHERE
def test_a_job_may_name_its_adapter_against_its_queue(there: Bench, place: Place) -> None:
    away = there.submit(bash("true", adapter=place.adapter))
    here = there.submit(bash("true", adapter="local"), queue="shut")
    assert there.wait([*away, *here]) == ["done", "done"]
    assert [there.row(key).adapter for key in (*away, *here)] == [place.adapter, "local"]
    with pytest.raises(Exception, match="there is no adapter 'moon'"):
        there.submit(bash("true", adapter="moon"))


@ELSEWHERE
def test_what_this_machine_has_does_not_limit_a_cluster(there: Bench) -> None:
    cpus = there.scheduler.capacity.cpus + 4
    (key,) = there.submit(bash("echo $OMP_NUM_THREADS", resources=need(cpus=cpus)), queue="far")
    assert there.wait([key]) == ["done"]
    assert there.log(key).strip() == str(cpus)


def test_a_job_that_waits_here_cannot_be_taken_back_twice(there: Bench) -> None:
    (key,) = there.submit(bash("sleep 60"), queue="far")
    there.wait_state(key, "running")
    with pytest.raises(Conflict):
        there.scheduler.act(key, "hold", "owner")
    there.scheduler.cancel(key, "owner")
    assert there.wait([key]) == ["cancelled"]

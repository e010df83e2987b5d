"""What starts next: order, room, passing, what is kept free, and the words for why a job waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from appliance.core import Conflict
from appliance.jobs import JobQuery, Retry
from appliance.jobs.capacity import Capacity
from appliance.jobs.picking import Patience, Picker, Room
from tests.jobs.kit import Bench, MakeBench, bash, need
from tests.support.waiting import wait_until


class Clock:
    """Seconds that only a test moves on."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Desk:
    """Jobs of one bench, and what would start now on a machine made up for a test."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.clock = Clock()
        self.patience = Patience(600, self.clock)
        self.room = Room(Capacity(4, 8192, ("fake0", "fake1")))

    def submit(self, name: str, **resources: Any) -> str:
        priority = resources.pop("priority", 0)
        job = bash("true", name=name, resources=need(**resources))
        (key,) = self.bench.submit(job, priority=priority)
        return key

    def starts(self) -> list[str]:
        with self.bench.catalog.read() as con:
            chosen = Picker(con, self.room, self.patience, self.now_ms).pick()
        keys = [row["key"] for row, _ in chosen]
        return [self.bench.row(key).name for key in keys]

    @property
    def now_ms(self) -> int:
        return int(self.clock() * 1000)

    def live(self, key: str, gpus: Sequence[str] = ()) -> None:
        """Let a job hold what it asks for, from now on."""
        text = "[" + ", ".join(f'"{gpu}"' for gpu in gpus) + "]"

        def write(tx):  # type: ignore[no-untyped-def]
            tx.con.execute(
                "UPDATE job SET state = 'running', attempt = 1, started_at = ? WHERE key = ?",
                (self.now_ms, key),
            )
            tx.con.execute(
                "INSERT INTO attempt (job_id, n, state, run_dir, gpu_uuids, host, started_at)"
                " SELECT id, 1, 'running', '/', ?, 'here', ? FROM job WHERE key = ?",
                (text, self.now_ms, key),
            )

        self.bench.catalog.write(write)

    def why(self, key: str) -> str:
        return self.bench.row(key).why


@pytest.fixture
def desk(make_bench: MakeBench) -> Desk:
    bench = make_bench(start=False)
    bench.study("S-1#V1")
    return Desk(bench)


def test_priorities_come_first_then_the_order_of_submission(desk: Desk) -> None:
    desk.submit("low", cpus=2, priority=-1)
    desk.submit("one", cpus=1)
    desk.submit("two", cpus=1)
    desk.submit("high", cpus=1, priority=5)
    assert desk.starts() == ["high", "one", "two"]


def test_a_waiting_job_can_be_moved_in_the_order(desk: Desk) -> None:
    desk.submit("one", cpus=4)
    two = desk.submit("two", cpus=4)
    desk.bench.scheduler.controls.prioritise(two, 1, "owner")
    assert desk.starts() == ["two"]
    desk.live(two)
    with pytest.raises(Conflict):
        desk.bench.scheduler.controls.prioritise(two, 1, "owner")


def test_smaller_jobs_pass_a_large_one_but_not_for_ever(desk: Desk) -> None:
    desk.submit("two", cpus=2)
    desk.submit("big", cpus=4)
    desk.submit("small", cpus=1)
    assert desk.starts() == ["two", "small"]
    desk.clock.seconds += 599
    assert desk.starts() == ["two", "small"]
    desk.clock.seconds += 2
    assert desk.starts() == ["two"]


def test_what_a_large_job_does_not_need_is_free_for_others(desk: Desk) -> None:
    held = desk.submit("held", cpus=1, gpus=2)
    desk.live(held, ["fake0", "fake1"])
    desk.submit("train", cpus=2, gpus=2)
    desk.submit("on gpu", cpus=1, gpus=0)
    desk.submit("wide", cpus=2)
    desk.starts()
    desk.clock.seconds += 601
    # of three free processors the first one needs two
    assert desk.starts() == ["on gpu"]


def test_a_short_job_may_pass_when_it_ends_before_the_large_one_can_start(desk: Desk) -> None:
    desk.live(desk.submit("runs", cpus=3, walltime_s=1000))
    desk.submit("big", cpus=4)
    desk.submit("long", cpus=1, walltime_s=2000)
    desk.submit("short", cpus=1, walltime_s=300)
    desk.starts()
    desk.clock.seconds += 601
    assert desk.starts() == ["short"]
    desk.clock.seconds += 200  # now it would end too late
    assert desk.starts() == []


def test_a_job_that_can_never_start_keeps_nothing_from_others(desk: Desk) -> None:
    never = desk.submit("never", cpus=4)
    desk.room = Room(Capacity(2, 8192))
    desk.submit("other", cpus=2)
    desk.starts()
    desk.clock.seconds += 601
    assert desk.starts() == ["other"]
    desk.bench.scheduler._machine.capacity = Capacity(2, 8192)
    assert desk.why(never) == "asks for 4 processors of 2: it cannot start"


def test_a_clock_that_jumps_neither_starves_nor_hurries(desk: Desk) -> None:
    desk.submit("big", cpus=4)
    desk.submit("small", cpus=1)
    desk.live(desk.submit("runs", cpus=1, walltime_s=60))
    for jump in (-(10**9), 10**9):
        with desk.bench.catalog.read() as con:
            chosen = Picker(con, desk.room, desk.patience, desk.now_ms + jump).pick()
        assert [row["cpus"] for row, _ in chosen] == [1]


def test_a_gpu_that_others_use_is_not_given(desk: Desk) -> None:
    key = desk.submit("train", cpus=1, gpus=2)
    desk.room = Room(desk.room.capacity, frozenset({"fake1"}))
    assert desk.starts() == []
    desk.bench.scheduler._machine._gpus.busy_outside = lambda ours: frozenset({"fake1"})
    assert desk.why(key) == "waits for 2 GPUs (1 free, 1 used by other programs)"


def test_a_job_waits_for_the_disk_it_asks_for(desk: Desk) -> None:
    first = desk.submit("first", cpus=1, disk_mb=600)
    second = desk.submit("second", cpus=1, disk_mb=600)
    desk.room = Room(desk.room.capacity, free_disk_mb=1000)
    assert desk.starts() == ["first"]
    desk.live(first)
    desk.bench.scheduler._machine._free_disk_mb = lambda: 1000
    assert desk.why(second) == "waits for 600 MiB of disk (400 free)"


def test_many_jobs_without_room_do_not_hide_those_that_have_it(desk: Desk) -> None:
    desk.live(desk.submit("runs", cpus=1, gpus=2), ["fake0", "fake1"])
    desk.bench.study("S-2#V1")
    spec = [bash("true", name=f"g{i}", resources=need(gpus=1)) for i in range(30)]
    for _ in range(20):
        desk.bench.submit(*spec, mode="parallel")
    desk.submit("cpu only", cpus=1)
    assert desk.starts() == ["cpu only"]


def test_GRID_x02_each_job_says_why_it_waits(desk: Desk) -> None:
    desk.live(desk.submit("runs", cpus=3, memory_mb=8000))
    wide = desk.submit("wide", cpus=2)
    heavy = desk.submit("heavy", memory_mb=500)
    one, two = desk.bench.submit(bash("true", name="one"), bash("true", name="two"))
    free = desk.submit("free")
    held = desk.submit("held")
    desk.bench.scheduler.act(held, "hold", "ann")
    assert desk.why(wide) == "waits for 2 processors (1 free)"
    assert desk.why(heavy) == "waits for 500 MiB of memory (192 free)"
    assert desk.why(two) == "waits for job 'one', which is queued"
    assert desk.why(one) == "waits for 2048 MiB of memory (192 free)"
    assert desk.why(free) == "waits for its turn"
    assert desk.why(held) == "held by ann"
    page = {row.key: row.why for row in desk.bench.scheduler.job_rows(JobQuery()).items}
    assert page[wide] == desk.why(wide)
    with pytest.raises(Conflict):
        desk.bench.scheduler.act(held, "hold", "ann")
    desk.bench.scheduler.act(held, "release", "ann")
    assert desk.bench.row(held).state == "queued"
    with pytest.raises(Conflict):
        desk.bench.scheduler.act(held, "release", "ann")


def test_a_full_disk_suspends_what_runs_and_lets_it_go_on(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(**{"data.min_free_bytes": 1 << 20})
    bench.study("S-1#V1")
    (key,) = bench.submit(bash("while [ ! -e go ]; do sleep 0.05; done"))
    (mine,) = bench.submit(bash("while [ ! -e go ]; do sleep 0.05; done"))
    bench.wait_state(key, "running")
    bench.wait_state(mine, "running")
    bench.scheduler.suspend(mine, "owner")
    free = [1 << 18]
    monkeypatch.setattr(bench.scheduler._guard, "free_bytes", lambda: free[0])
    bench.wait_state(key, "suspended")
    assert bench.row(key).why == "suspended until the disk has space again"
    (later,) = bench.submit(bash("true"))
    wait_until(lambda: "disk space" in bench.row(later).why, "it says why", every_s=0.02)
    free[0] = 1 << 30
    for one in (key, mine):
        (bench.folder.jobs / one / "1" / "work" / "go").touch()
    assert bench.wait([key, later]) == ["done", "done"]
    assert bench.row(mine).state == "suspended"  # a person did that
    bench.scheduler.resume(mine, "owner")
    assert bench.wait([mine]) == ["done"]


def test_a_rule_is_part_of_what_is_stored(desk: Desk) -> None:
    job = bash("true", retry=Retry(times=2, after=("lost",)))
    (key,) = desk.bench.submit(job)
    assert desk.bench.scheduler.job_detail(key).spec["job"]["retry"]["times"] == 2


def test_GRID_x02_a_long_queue_of_one_cluster_hides_no_other(make_bench: MakeBench) -> None:
    there: dict[str, Any] = {"kind": "sge", "foreign": False}
    far = there | {"queues": {"far": "", "wide": ""}}
    adapters = {"a": far, "b": there | {"queues": {"near": ""}}}
    queues = ["DPXproc", "far", "wide", "near"]
    bench = make_bench(start=False, **{"jobs.queues": queues, "jobs.adapters": adapters})
    bench.study("S-1#V1")
    many = [bash("true", name="far", resources=need())] * 60
    for _ in range(10):
        bench.submit(*many, mode="parallel", queue="far")
    for queue in ("wide", "near"):
        bench.submit(bash("true", name=queue), queue=queue)
    names = Desk(bench).starts()
    assert {"wide", "near"} <= set(names)
    assert names.index("wide") < 3  # queues take turns


@pytest.mark.parametrize("what", ["memory_mb", "disk_mb"])
def test_many_jobs_that_ask_for_too_much_do_not_hide_one_that_fits(desk: Desk, what: str) -> None:
    desk.room = Room(desk.room.capacity, free_disk_mb=9000)
    desk.live(desk.submit("runs", memory_mb=5000, disk_mb=5000))
    heavy = [bash("true", name="heavy", resources=need(**{what: 6000}))] * 60
    for _ in range(10):
        desk.bench.submit(*heavy, mode="parallel")
    desk.submit("light")
    assert desk.starts() == ["light"]

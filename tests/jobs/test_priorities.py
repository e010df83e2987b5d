"""The order of waiting jobs, changed for one and for a selection."""

from __future__ import annotations

import pytest

from appliance.core import Invalid
from appliance.jobs import JobQuery
from tests.jobs.kit import Bench, MakeBench, bash, need
from tests.support.waiting import wait_until

PSIDS = ("S-1#V1", "S-2#V1", "S-3#V1")


@pytest.fixture
def idle(make_bench: MakeBench) -> Bench:
    bench = make_bench(start=False)
    for psid in PSIDS:
        bench.study(psid, "x.txt")
    return bench


def test_waiting_jobs_start_in_their_new_order(idle: Bench) -> None:
    ran = idle.folder.root / "ran"
    job = bash(f"echo $NORA_SUBJECT >> {ran}", resources=need(cpus=4))
    first, second, third = idle.submit(job, targets=PSIDS)
    desk = idle.scheduler.desk
    assert desk.prioritise([third], 20, "anna").n == 1
    assert desk.prioritise([first, "nothing"], -5, "anna").unknown == ["nothing"]
    assert [idle.row(key).priority for key in (first, second, third)] == [-5, 0, 20]
    idle.start()
    assert idle.wait([first, second, third]) == ["done"] * 3
    assert ran.read_text().split() == ["S-3", "S-2", "S-1"]


def test_a_whole_selection_is_moved_and_what_does_not_wait_refuses(idle: Bench) -> None:
    keys = idle.submit(bash("true"), targets=PSIDS)
    desk = idle.scheduler.desk
    desk.act(keys[:1], "hold", "anna")
    desk.act(keys[1:2], "cancel", "anna")
    outcome = desk.prioritise(JobQuery(), 7, "anna")
    assert (outcome.n, outcome.n_refused) == (2, 1)
    assert outcome.refused[keys[1]] == "a job that is cancelled has no place in the order"
    assert [idle.row(key).priority for key in keys] == [7, 0, 7]
    ((actor, verb),) = idle.sql("SELECT actor, verb FROM operations WHERE verb = 'prioritise_job'")
    assert (actor, verb) == ("anna", "prioritise_job")
    with pytest.raises(Invalid, match="a whole number"):
        desk.prioritise(keys, 10**12, "anna")


def test_held_jobs_keep_the_priority_that_they_are_given(idle: Bench) -> None:
    keys = idle.submit(bash("true"), targets=PSIDS)
    desk = idle.scheduler.desk
    assert desk.act(keys, "hold", "anna").n == 3
    assert desk.prioritise(keys, 3, "anna").n == 3
    idle.start()
    assert desk.act(keys, "release", "anna").n == 3
    wait_until(lambda: set(idle.states(keys)) == {"done"}, "all are done")
    assert {idle.row(key).priority for key in keys} == {3}

"""Autoexecution: each arrival once, by rule, with the rights of who made it (GEN-07, PROJ-x08)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from appliance import catalog as cat
from appliance.catalog import Grant
from appliance.core import Conflict, Invalid, NotFound, Refused, now_ms
from appliance.jobs import (
    Arrival,
    Asker,
    AutoRule,
    AutoRuns,
    delete_rule,
    list_firings,
    list_rules,
    save_batch,
    save_rule,
)
from appliance.jobs.autorules import kept_rules
from tests.jobs.kit import Bench
from tests.support.waiting import wait_until

OWNER = Asker("owner", manages=True)
TEMPLATE = {
    "name": "look",
    "jobs": [
        {
            "name": "look",
            "language": "bash",
            "code": "true",
            "args": [{"id": "f1", "kind": "FILE", "value": "t1/*"}],
        }
    ],
}


class Feed:
    """Arrivals that a test makes up; each is told again for ever, which must do no harm."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.told = bench, list[Arrival]()

    def since(self, seq: int) -> tuple[Sequence[Arrival], int]:
        return list(self.told), seq + 1

    def came(self, psid: str, *files: str, queue: str = "") -> None:
        self.bench.study(psid, *files)
        with self.bench.catalog.read() as con:
            project = cat.get_project(con, "demo").id
            study = cat.find_study(con, project, psid)
        self.told.append(Arrival(project, (study,), now_ms(), queue=queue))


class Auto:
    def __init__(self, bench: Bench) -> None:
        self.bench, self.feed = bench, Feed(bench)
        self.bench.study("S-0#V0")
        self.runs = AutoRuns(bench.catalog, bench.queue, bench.scheduler.submit_batch, self.feed)
        with bench.catalog.read() as con:
            self.project = cat.get_project(con, "demo")
        save_batch(bench.catalog, self.project.id, OWNER, "look", TEMPLATE)

    def rule(self, name: str = "r", asker: Asker = OWNER, **more) -> None:
        rule = AutoRule(**{"batch": "look", "quiet_minutes": 0} | more)
        save_rule(self.bench.catalog, "demo", name, rule, asker)

    def look(self) -> None:
        """What the queue does, here and now."""
        self.bench.queue.run_step("jobs.autorun", 0)

    def batches(self) -> list[tuple[str, str]]:
        return self.bench.sql("SELECT b.actor, j.psid FROM batch b JOIN job j ON j.batch_id = b.id")

    def firings(self) -> list[tuple[str, str, str]]:
        with self.bench.catalog.read() as con:
            found = list_firings(con, self.project.id)
        return [(one.psid, one.state, one.why) for one in reversed(found)]


@pytest.fixture
def auto(make_bench: Callable[..., Bench]) -> Auto:
    return Auto(make_bench(start=False))


def test_GEN_07_what_arrives_runs_once_and_again_only_when_more_has_come(auto: Auto) -> None:
    auto.rule()
    auto.feed.came("S-1#V1", "t1/a.nii")
    for _ in range(3):
        auto.look()
    assert auto.batches() == [("owner", "S-1#V1")]
    auto.feed.came("S-1#V1", "t1/a.nii", "t1/late.nii")
    for _ in range(3):
        auto.look()
    assert auto.batches() == [("owner", "S-1#V1")] * 2
    assert [state for _, state, _ in auto.firings()] == ["submitted"] * 2


def test_PACS_x02_an_arrival_may_name_the_queue_of_the_jobs(auto: Auto) -> None:
    auto.rule(queue="DPXproc")
    auto.feed.came("S-1#V1", "t1/a.nii", queue="DPXimport")
    auto.feed.came("S-2#V1", "t1/a.nii")
    auto.feed.came("S-3#V1", "t1/a.nii", queue="DPXimport")
    for _ in range(2):
        auto.look()
    found = auto.bench.sql(
        "SELECT b.queue, j.queue, j.psid FROM batch b JOIN job j ON j.batch_id = b.id"
    )
    assert sorted(found) == [
        ("DPXimport", "DPXimport", "S-1#V1"),
        ("DPXimport", "DPXimport", "S-3#V1"),
        ("DPXproc", "DPXproc", "S-2#V1"),
    ]


def test_PROJ_x08_requirement_and_avoid_recompute_leave_out_and_say_why(auto: Auto) -> None:
    auto.rule(requires="t1* & !STAG:pilot", done="FTAG:mask")
    auto.feed.came("S-1#V1", "t2/a.nii")
    auto.feed.came("S-2#V1", "t1/a.nii", "mask.nii")
    auto.feed.came("S-3#V1", "t1/a.nii")
    mask = auto.bench.sql(
        "SELECT f.id FROM files f JOIN paths p ON p.id = f.path_id WHERE p.path = 'mask.nii'"
    )
    auto.bench.catalog.write(lambda tx: cat.tag(tx, "file", [mask[0][0]], add=["mask"]))
    auto.look()
    assert auto.batches() == [("owner", "S-3#V1")]
    assert sorted(auto.firings()) == [
        ("S-1#V1", "skipped", "it does not fit 't1* & !STAG:pilot'"),
        ("S-2#V1", "skipped", "it is done: it fits 'FTAG:mask'"),
        ("S-3#V1", "submitted", ""),
    ]


def test_PROJ_x08_an_sql_condition_is_a_requirement(auto: Auto) -> None:
    auto.rule(requires="SQL:PID LIKE 'S-2%'")
    auto.feed.came("S-1#V1", "t1/a.nii")
    auto.feed.came("S-2#V1", "t1/a.nii")
    auto.look()
    assert auto.batches() == [("owner", "S-2#V1")]


def test_PROJ_x08_it_waits_until_nothing_more_comes_and_for_enough_files(auto: Auto) -> None:
    auto.rule("quiet", quiet_minutes=60)
    auto.rule("many", min_files=2)
    auto.feed.came("S-1#V1", "t1/a.nii")
    auto.look()
    assert auto.batches() == []
    states = {(f[1], f[2]) for f in auto.firings()}
    assert states == {("waiting", ""), ("skipped", "1 of at least 2 files are there")}
    auto.feed.came("S-1#V1", "t1/a.nii", "t1/b.nii")
    auto.look()
    assert auto.batches() == [("owner", "S-1#V1")]
    assert ("S-1#V1", "superseded", "more has arrived") in auto.firings()
    auto.bench.catalog.write(lambda tx: tx.con.execute("UPDATE autofire SET due_at = 0"))
    auto.look()
    assert len(auto.batches()) == 2


def test_PROJ_x08_a_subject_is_run_with_all_its_studies_in_chunks(auto: Auto) -> None:
    auto.rule(level="subject", chunk=2)
    for pid in ("S-1", "S-2", "S-3"):
        auto.feed.came(f"{pid}#V1", "t1/a.nii")
        auto.feed.came(f"{pid}#V22", "t1/a.nii")
    auto.look()
    assert sorted(psid for _, psid in auto.batches()) == ["S-1", "S-2", "S-3"]
    assert auto.bench.sql("SELECT count(*) FROM batch") == [(2,)]
    assert auto.bench.sql("SELECT DISTINCT json_array_length(targets, '$.study_ids') FROM job")


def test_GEN_07_it_runs_as_who_made_it_as_long_as_they_may(auto: Auto) -> None:
    def join(grant: Grant | None) -> None:
        auto.bench.catalog.write(
            lambda tx: cat.set_grant(tx, "ann", auto.project.id, grant, actor="owner")
        )

    auto.bench.catalog.write(lambda tx: cat.create_user(tx, "ann", actor="owner"))
    join(Grant(readonly=False, batchtool=True))
    auto.rule(asker=Asker("ann"))
    auto.feed.came("S-1#V1", "t1/a.nii")
    auto.look()
    assert auto.batches() == [("ann", "S-1#V1")]
    join(None)
    auto.feed.came("S-2#V1", "t1/a.nii")
    auto.look()
    assert auto.batches() == [("ann", "S-1#V1")]
    assert auto.firings()[-1][1:] == (
        "failed",
        "user ann has no right to run batches here any more",
    )
    with auto.bench.catalog.read() as con:
        (row,) = list_rules(con, auto.project, Asker("bob"))
    assert (row.owner, row.may_change, row.problem) == (
        "ann",
        False,
        "user ann has no right to run batches here any more",
    )
    with pytest.raises(Refused):
        auto.rule(asker=Asker("bob"))
    auto.rule()  # who manages the project takes it over
    auto.feed.came("S-3#V1", "t1/a.nii")
    auto.look()
    assert auto.batches()[-1] == ("owner", "S-3#V1")


def test_GEN_07_a_rule_runs_the_batch_as_it_was_saved_with(auto: Auto) -> None:
    auto.rule()
    changed = {**TEMPLATE, "jobs": [{**TEMPLATE["jobs"][0], "code": "false"}]}
    save_batch(auto.bench.catalog, auto.project.id, OWNER, "look", changed)
    with auto.bench.catalog.read() as con:
        (row,) = list_rules(con, auto.project, OWNER)
        (kept,) = kept_rules(con)
    assert row.outdated
    assert kept.spec("demo").jobs[0].code == "true"
    auto.rule()
    with auto.bench.catalog.read() as con:
        assert not list_rules(con, auto.project, OWNER)[0].outdated


def test_GEN_07_what_came_before_a_rule_or_while_it_was_off_is_left(auto: Auto) -> None:
    auto.feed.came("S-1#V1", "t1/a.nii")
    wait_until(lambda: now_ms() > auto.feed.told[0].at, "the clock has moved", every_s=0.002)
    auto.rule(enabled=False)
    auto.feed.came("S-2#V1", "t1/a.nii")
    auto.look()
    auto.feed.told = auto.feed.told[:1]
    auto.rule()
    auto.look()
    assert auto.batches() == []


def test_GEN_07_a_dry_test_tells_and_starts_nothing(auto: Auto) -> None:
    auto.feed.came("S-1#V1", "t1/a.nii")
    auto.feed.came("S-2#V1", "t2/a.nii")
    tried = auto.runs.try_rule("demo", AutoRule(batch="look", requires="t1*"), "owner")
    assert {row.psid: row.action for row in tried.rows} == {
        "S-0#V0": "skip",
        "S-1#V1": "run",
        "S-2#V1": "skip",
    }
    assert (tried.total, tried.counts) == (3, {"run": 1, "skip": 2})
    assert auto.batches() == []
    for wrong, error in (
        (AutoRule(batch="look", requires="(("), Invalid),
        (AutoRule(batch="none"), NotFound),
    ):
        with pytest.raises(error):
            auto.runs.try_rule("demo", wrong, "owner")


def test_CLI_15_rules_run_on_demand_and_what_ran_does_not_run_by_itself(auto: Auto) -> None:
    with pytest.raises(Invalid):
        auto.runs.run("demo", ["S-0#V0"], "owner")
    auto.rule(quiet_minutes=60, requires="t1*")
    auto.feed.came("S-1#V1", "t1/a.nii")
    auto.look()
    (row,) = auto.runs.run("demo", ["S-1#V1"], "owner", queue="DPXimport")
    assert (row.action, row.rule, row.psid) == ("run", "r", "S-1#V1")
    assert auto.bench.sql("SELECT key, queue FROM batch") == [(row.batch_key, "DPXimport")]
    auto.bench.catalog.write(lambda tx: tx.con.execute("UPDATE autofire SET due_at = 0"))
    auto.look()
    assert len(auto.batches()) == 1
    (left,) = auto.runs.run("demo", ["S-0#V0"], "owner")
    assert (left.action, left.batch_key) == ("skip", None)
    (forced,) = auto.runs.run("demo", ["S-0#V0"], "owner", force=True)
    assert (forced.action, "no " in forced.why) == ("run", True)


def test_GEN_07_two_who_look_at_once_start_it_once(auto: Auto) -> None:
    auto.rule()
    auto.feed.came("S-1#V1", "t1/a.nii")
    inner = auto.bench.scheduler.submit_batch

    def twice(spec, targets, actor, *, within=None):
        inner(spec, targets, actor, within=within)  # another one was faster
        with pytest.raises(Conflict):
            inner(spec, targets, actor, within=within)
        raise Conflict("somebody else has started this")

    auto.runs._submit = twice
    auto.look()
    assert auto.batches() == [("owner", "S-1#V1")]
    assert auto.firings() == [("S-1#V1", "submitted", "")]


def test_GEN_07_what_the_present_state_forbids_is_tried_again(auto: Auto) -> None:
    auto.rule()
    auto.feed.came("S-1#V1", "t1/a.nii")
    set_state = "UPDATE projects SET state = ?"
    auto.bench.catalog.write(lambda tx: tx.con.execute(set_state, ("archived",)))
    auto.look()
    assert auto.firings()[0][1] == "waiting"
    assert "archive" in auto.firings()[0][2]
    auto.bench.catalog.write(lambda tx: tx.con.execute(set_state, ("active",)))
    auto.bench.catalog.write(lambda tx: tx.con.execute("UPDATE autofire SET due_at = 0"))
    auto.look()
    assert auto.batches() == [("owner", "S-1#V1")]
    delete_rule(auto.bench.catalog, "demo", "R", OWNER)
    assert auto.firings() == []


_DIES = """
import sys
from pathlib import Path
from tests.jobs.kit import Bench
from tests.jobs.test_autoruns import Auto
auto = Auto(Bench(Path(sys.argv[1])))
auto.rule()
auto.feed.came("S-1#V1", "t1/a.nii")
auto.look()
"""


@pytest.mark.parametrize("point", ["autorun_taken", "autorun_before_commit", "autorun_committed"])
def test_GEN_07_killed_between_arrival_and_batch_it_runs_once(
    make_bench: Callable[..., Bench], tmp_path: Path, point: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _DIES, str(tmp_path / "data")],
        env={**os.environ, "NORA_TEST": "1", "NORA_CRASH_AT": point},
        check=False,
    )
    assert ended.returncode == 9
    auto = Auto(make_bench(start=False))
    for _ in range(2):
        auto.look()
    assert auto.batches() == [("owner", "S-1#V1")]
    assert [f[1] for f in auto.firings()] == ["submitted"]

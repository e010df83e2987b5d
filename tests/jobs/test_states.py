"""The table of states: a model that tries every move, and a state machine over the real tables."""

from __future__ import annotations

import itertools
import json
import sqlite3
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from appliance.catalog import Tx
from appliance.core import ApplianceError, Conflict
from appliance.jobs import Retry
from appliance.jobs.attemptrows import mark_running
from appliance.jobs.attempts import Exit
from appliance.jobs.finish import end_job, job_by_id, record_exit
from appliance.jobs.picking import Patience, Picker, Room
from appliance.jobs.reconcile import requeue_unstarted
from appliance.jobs.states import ENDED, LETTERS, LIVE, NEXT, State, letter_of, transition
from tests.jobs.kit import Bench, MakeBench, bash, need


def test_every_state_has_exactly_one_letter_and_a_way_on() -> None:
    letters = [letter for letter, states in LETTERS.items() for state in states]
    assert len(letters) == len(State)
    assert set(NEXT) == set(State)
    assert all(letter_of(state) in LETTERS for state in State)
    assert not ENDED & LIVE


def test_only_moves_of_the_table_happen_and_each_is_told(make_bench: MakeBench) -> None:
    bench = make_bench(start=False)
    bench.study("S-1#V1")
    (key,) = bench.submit(bash("true"))
    (job_id,) = bench.sql("SELECT id FROM job WHERE key = ?", key)[0]
    for before, to in itertools.product(State, State):
        bench.catalog.write(
            lambda tx, s=before: tx.con.execute("UPDATE job SET state = ?", (s.value,))
        )
        events = bench.sql("SELECT count(*) FROM job_event")[0][0]
        seq = bench.catalog.last_seq()
        if to in NEXT[before]:
            bench.catalog.write(lambda tx, t=to: transition(tx, job_id, t, "why"))
            assert bench.row(key).state == to
            assert bench.sql("SELECT count(*) FROM job_event")[0][0] == events + 1
            (event,) = bench.catalog.events_since(seq)
            assert (event.topic, event.data["key"], event.data["state"]) == ("job.changed", key, to)
        else:
            with pytest.raises(Conflict):
                bench.catalog.write(lambda tx, t=to: transition(tx, job_id, t))
            assert bench.row(key).state == before


class Elsewhere:
    """A made-up place where attempts run: each is claimed at most once, and has one end."""

    def __init__(self) -> None:
        self.claimed: dict[tuple[int, int], Exit | None] = {}
        self.poisoned: set[tuple[int, int]] = set()

    def claim(self, attempt: tuple[int, int]) -> bool:
        if attempt in self.claimed or attempt in self.poisoned:
            return False
        self.claimed[attempt] = None
        return True

    def poison(self, attempt: tuple[int, int]) -> bool:
        if attempt in self.claimed:
            return False
        self.poisoned.add(attempt)
        return True


class Jobs(RuleBasedStateMachine):
    """Random people, a random machine, and a clock that jumps; the tables must stay right."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.bench = Bench(Path(self._folder.name) / "data")
        self.bench.study("S-1#V1")
        self.bench.study("S-2#V1")
        self.now = 10**13
        self.patience = Patience(600, lambda: self.now / 1000)
        self.ran: set[tuple[int, int]] = set()
        self.elsewhere = Elsewhere()
        self.accepted: set[str] = set()
        self.asked_again: Counter[int] = Counter()

    def teardown(self) -> None:
        self.bench.close()
        self._folder.cleanup()

    def some_job(self, data: st.DataObject, *states: State) -> int | None:
        rows = self.bench.sql(
            "SELECT id FROM job WHERE state IN (SELECT value FROM json_each(?)) ORDER BY id",
            json.dumps(states),
        )
        return data.draw(st.sampled_from([row[0] for row in rows])) if rows else None

    @rule(
        cpus=st.integers(1, 4),
        gpus=st.integers(0, 2),
        stop=st.booleans(),
        serial=st.booleans(),
        priority=st.integers(0, 1),
        times=st.integers(0, 2),
        after=st.sampled_from([("lost", "memory"), ("lost",), ("memory", "exit")]),
    )
    def submit(
        self,
        cpus: int,
        gpus: int,
        *,
        stop: bool,
        serial: bool,
        priority: int,
        times: int,
        after: Any,
    ) -> None:
        rule = Retry(times=times, after=after)
        self.accepted |= set(
            self.bench.submit(
                bash("true", name="one", resources=need(cpus=cpus, gpus=gpus), retry=rule),
                bash("true", name="two", resources=need()),
                targets=["S-1#V1", "S-2#V1"],
                mode="serial" if serial else "parallel",
                on_error="stop" if stop else "continue",
                priority=priority,
            )
        )

    @rule(busy=st.sets(st.sampled_from(["fake0", "fake1"])))
    def start(self, busy: set[str]) -> None:
        with self.bench.catalog.read() as con:
            room = Room(self.bench.scheduler.capacity, frozenset(busy))
            chosen = Picker(con, room, self.patience, self.now).pick()
        for row, gpus in chosen:
            assert not set(gpus) & busy
            self.bench.catalog.write(lambda tx, r=row, g=gpus: self._begin(tx, r, g))

    def _begin(self, tx: Tx, row: sqlite3.Row, gpus: list[str]) -> None:
        n = row["attempt"] + 1
        transition(tx, row["id"], State.STARTING, attempt=n, failure=None)
        tx.con.execute(
            "INSERT INTO attempt (job_id, n, state, run_dir, gpu_uuids, host, started_at)"
            " VALUES (?, ?, 'starting', '/', ?, 'here', ?)",
            (row["id"], n, json.dumps(gpus), self.now),
        )
        assert (row["id"], n) not in self.ran
        self.ran.add((row["id"], n))

    def attempt_of(self, job_id: int) -> tuple[int, int]:
        return job_id, self.bench.sql("SELECT attempt FROM job WHERE id = ?", job_id)[0][0]

    @rule(data=st.data())
    def spawned(self, data: st.DataObject) -> None:
        """A supervisor takes its attempt; the service may write that down, or die before."""
        job_id = self.some_job(data, State.STARTING)
        if job_id is None or not self.elsewhere.claim(self.attempt_of(job_id)):
            return
        if data.draw(st.booleans()):
            self.bench.catalog.write(lambda tx: mark_running(tx, job_id, 1, 1))

    @rule(data=st.data())
    def comes_late(self, data: st.DataObject) -> None:
        """A supervisor of an attempt that was given up wants to run it: it must not."""
        if self.elsewhere.poisoned:
            attempt = data.draw(st.sampled_from(sorted(self.elsewhere.poisoned)))
            assert not self.elsewhere.claim(attempt)

    @rule(
        data=st.data(),
        code=st.sampled_from([0, 0, 0, 1, 127]),
        why=st.sampled_from(["exit", "exit", "memory", "timeout"]),
    )
    def ends(self, data: st.DataObject, code: int, why: str) -> None:
        """An attempt ends where it runs; nobody may be looking."""
        open_ones = sorted(one for one, end in self.elsewhere.claimed.items() if end is None)
        if not open_ones:
            return
        attempt = data.draw(st.sampled_from(open_ones))
        asked = self.bench.sql("SELECT cancel_by, attempt FROM job WHERE id = ?", attempt[0])[0]
        if asked[0] is not None and asked[1] == attempt[1]:
            why = "cancelled"
        end = Exit(code if why == "exit" else 1, why, 1.0, 1.0, 1, 0.0, 0, self.now)
        self.elsewhere.claimed[attempt] = end

    @rule(data=st.data())
    def told(self, data: st.DataObject) -> None:
        job_id = self.some_job(data, *LIVE)
        if job_id is not None and self.elsewhere.claimed.get(self.attempt_of(job_id)):
            self.reconcile(job_id)

    @rule(data=st.data())
    def supervisor_dies(self, data: st.DataObject) -> None:
        job_id = self.some_job(data, State.RUNNING, State.SUSPENDED)
        if job_id is None or self.elsewhere.claimed.get(self.attempt_of(job_id)) is not None:
            return
        self.bench.catalog.write(
            lambda tx: end_job(tx, job_by_id(tx.con, job_id), State.LOST, "gone", failure="lost")
        )
        self.elsewhere.claimed[self.attempt_of(job_id)] = Exit(1, "", 0.0, 0.0, 0, 0.0, 0, 0)

    @rule()
    def service_restarts(self) -> None:
        """All that it remembered is gone; what the tables and the run folders say is not."""
        self.patience = Patience(600, lambda: self.now / 1000)
        for (job_id,) in self.bench.sql(
            "SELECT id FROM job WHERE state IN ('starting', 'running', 'suspended') ORDER BY id"
        ):
            self.reconcile(job_id)

    def reconcile(self, job_id: int) -> None:
        attempt = self.attempt_of(job_id)
        if self.elsewhere.poison(attempt):
            self.bench.catalog.write(lambda tx: requeue_unstarted(tx, job_id))
            return
        end = self.elsewhere.claimed.get(attempt)
        if end is None:
            self.bench.catalog.write(lambda tx: mark_running(tx, job_id, 1, 1))
        else:
            self.bench.catalog.write(lambda tx: record_exit(tx, job_by_id(tx.con, job_id), end))

    @rule(data=st.data())
    def registered(self, data: st.DataObject) -> None:
        job_id = self.some_job(data, State.FINISHING)
        if job_id is not None:
            self.bench.catalog.write(lambda tx: transition(tx, job_id, State.DONE))

    @rule(data=st.data(), priority=st.integers(-2, 2))
    def moved_in_the_order(self, data: st.DataObject, priority: int) -> None:
        job_id = self.some_job(data, State.QUEUED, State.HELD)
        if job_id is not None:
            key = self.bench.sql("SELECT key FROM job WHERE id = ?", job_id)[0][0]
            self.bench.scheduler.controls.prioritise(key, priority, "owner")

    @rule(
        data=st.data(),
        action=st.sampled_from(
            [
                *("cancel", "suspend", "resume", "retry", "dismiss"),
                *("hold", "release", "guard", "restore"),
            ]
        ),
    )
    def act(self, data: st.DataObject, action: str) -> None:
        rows = self.bench.sql("SELECT key FROM job ORDER BY id")
        if not rows:
            return
        key = data.draw(st.sampled_from([row[0] for row in rows]))
        before = self.bench.row(key).state
        counted = dict(self.bench.sql("SELECT id, attempt FROM job WHERE state <> 'queued'"))
        try:
            self.bench.scheduler.act(key, action, "owner")
            if action == "retry":
                self.asked_again.update(self.queued_of(counted))
        except ApplianceError:
            assert self.bench.row(key).state == before

    def queued_of(self, ids: dict[int, int]) -> list[int]:
        rows = self.bench.sql("SELECT id FROM job WHERE state = 'queued'")
        return [job_id for (job_id,) in rows if job_id in ids]

    @rule(hours=st.integers(-100, 2))
    def time_passes(self, hours: int) -> None:
        self.now += hours * 3_600_000

    @invariant()
    def tables_are_right(self) -> None:
        self.bench.check()
        broken = self.bench.sql(
            "SELECT j.key FROM job j JOIN job_dep d ON d.job_id = j.id AND d.kind = 'ok'"
            " JOIN job n ON n.id = d.needs_job_id WHERE j.attempt > 0 AND n.attempt = 0"
        )
        assert broken == []  # nothing ran before what it needs
        history = self.bench.sql(
            "SELECT j.key FROM job j WHERE j.state <> (SELECT to_state FROM job_event e"
            " WHERE e.job_id = j.id ORDER BY e.id DESC LIMIT 1)"
        )
        assert history == []

    @invariant()
    def the_promise_holds(self) -> None:
        assert self.accepted == {key for (key,) in self.bench.sql("SELECT key FROM job")}
        done = self.bench.sql("SELECT id, attempt FROM job WHERE state IN ('done', 'finishing')")
        for attempt in done:
            end = self.elsewhere.claimed[attempt]
            assert end is not None
            assert (end.code, end.why) == (0, "exit")
        rules = dict(self.bench.sql("SELECT id, json_extract(spec, '$.job.retry.times') FROM job"))
        runs = Counter(job_id for job_id, _ in self.elsewhere.claimed)
        for job_id, times in runs.items():
            by_rule = (rules[job_id] or 0) * (1 + self.asked_again[job_id])
            assert times <= 1 + self.asked_again[job_id] + by_rule
        assert not self.elsewhere.poisoned & self.elsewhere.claimed.keys()


TestJobs = Jobs.TestCase
TestJobs.settings = settings(
    max_examples=15,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

"""Many jobs at once: actions, edit and rerun, columns and filters, counters, logs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import catalog as cat
from appliance.core import Invalid, NotFound
from appliance.jobs import (
    COLUMNS,
    Argument,
    BatchSpec,
    Edit,
    JobQuery,
    Resources,
    conditions,
    purge_jobs,
    spec_of_attempt,
)
from appliance.jobs.bulk import ACTIONS
from appliance.jobs.columns import parse_filter
from appliance.jobs.states import NEXT, State
from tests.jobs.kit import Bench, MakeBench, bash, file, need, out
from tests.support.waiting import wait_until

PSIDS = [f"S-{n}#V1" for n in range(1, 5)]


@pytest.fixture
def idle(make_bench: MakeBench) -> Bench:
    bench = make_bench(start=False)
    for psid in PSIDS:
        bench.study(psid, "a.txt")
    return bench


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    bench = make_bench()
    for psid in PSIDS:
        bench.study(psid, "a.txt")
    return bench


def move(bench: Bench, keys: list[str], state: str) -> None:
    sql = "UPDATE job SET state = ?, ended_at = 1 WHERE key = ?"
    bench.catalog.write(lambda tx: tx.con.executemany(sql, [(state, key) for key in keys]))


def history(bench: Bench, key: str) -> list[tuple[str, str, str]]:
    detail = bench.scheduler.job_detail(key)
    return [(one["from_state"], one["to_state"], one["actor"]) for one in detail.history]


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_no_action_moves_a_job_where_it_may_not_go(action: str) -> None:
    how = ACTIONS[action]
    assert how.to is None or all(how.to in NEXT[state] for state in how.before)


@pytest.mark.parametrize("many", [False, True])
def test_GRID_x02_actions_on_all_jobs_that_fit(
    idle: Bench, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if many:
        monkeypatch.setattr("appliance.jobs.bulk._TOLD_ONE_BY_ONE", 1)
        monkeypatch.setattr("appliance.jobs.bulk._AT_ONCE", 3)
    first, second = idle.submit(bash("1", name="one"), bash("2", name="two"))
    keys = idle.submit(bash("3", name="three"), targets=PSIDS)
    desk, three = idle.scheduler.desk, JobQuery(filters=("name:=three",))
    since = idle.catalog.last_seq()
    assert desk.act(three, "hold", "anna").n == 4
    topics = idle.sql("SELECT DISTINCT topic FROM events WHERE seq > ?", since)
    assert topics == [("jobs.changed",) if many else ("job.changed",)]
    assert set(idle.states(keys)) == {"held"}
    assert history(idle, keys[0])[-1] == ("queued", "held", "anna")
    outcome = desk.act(JobQuery(), "release", "anna")
    assert (outcome.n, outcome.n_refused) == (4, 2)
    assert "queued cannot be released" in outcome.refused[first]
    assert desk.act([first], "cancel", "anna").n == 1
    assert idle.states([first, second]) == ["cancelled", "skipped"]
    assert idle.row(first).why == "cancelled by anna"
    assert desk.act([first], "retry", "anna").n == 1
    assert idle.states([first, second]) == ["queued", "queued"]
    move(idle, keys, "failed")
    erroneous = JobQuery(letters="e")
    assert desk.act(erroneous, "dismiss", "anna").n == 4
    assert idle.scheduler.job_rows(erroneous).total == 0
    assert desk.act(JobQuery(letters="dismissed"), "restore", "anna").n == 4
    assert idle.scheduler.job_rows(erroneous).total == 4
    assert desk.act([*keys, "none"], "suspend", "anna").unknown == ["none"]
    with pytest.raises(Invalid):
        desk.act(keys, "explode", "anna")


def test_BATCH_x04_stop_ends_all_jobs_of_a_project_and_of_no_other(bench: Bench) -> None:
    def other(tx: cat.Tx) -> None:
        project = cat.ensure_project(tx, "other")
        cat.ensure_study(tx, cat.ensure_subject(tx, project.id, "S-1"), "V1")

    bench.catalog.write(other)
    keys = bench.submit(bash("sleep 1000"), bash("true"))
    batch = BatchSpec(name="b", project="other", jobs=(bash("sleep 1000"),))
    accepted = bench.scheduler.submit_batch(batch, ["S-1#V1"], "owner")
    [(there,)] = bench.sql(
        "SELECT j.key FROM job j JOIN batch b ON b.id = j.batch_id WHERE b.key = ?", accepted.key
    )
    for key in (keys[0], there):
        bench.wait_state(key, "running")
    assert bench.scheduler.desk.act(JobQuery(project="demo"), "cancel", "owner").n >= 1
    assert set(bench.wait(keys)) <= {"cancelled", "skipped"}
    assert bench.row(there).state == "running"
    bench.scheduler.cancel(there, "owner")


def test_GRID_x02_running_jobs_of_a_selection_are_stopped_too(bench: Bench) -> None:
    keys = bench.submit(bash("sleep 600", resources=need()), targets=PSIDS)
    waiting = bench.submit(bash("sleep 600", resources=need()), targets=PSIDS)
    for key in keys:
        bench.wait_state(key, "running")
    desk = bench.scheduler.desk
    assert desk.act(JobQuery(), "suspend", "anna").n == 8
    assert set(bench.states(keys)) == {"suspended"}
    assert set(bench.states(waiting)) == {"held"}
    assert desk.act(JobQuery(), "resume", "anna").n == 8
    assert desk.act(JobQuery(), "cancel", "anna").n == 8
    assert set(bench.wait([*keys, *waiting])) == {"cancelled"}
    bench.check()


FAILS_FOR_TWO = 'case "$NORA_SUBJECT" in S-[12]) exit 3;; esac; cp "$f1" "$o1"'


def test_BATCH_03_failed_jobs_are_corrected_and_run_again_while_others_run(bench: Bench) -> None:
    first = bash(FAILS_FOR_TWO, file("a.txt"), out("b.txt"), name="first", resources=need())
    then = bash('cat "$f1" > "$o1"', file("b.txt"), out("c.txt"), name="then", resources=need())
    (busy,) = bench.submit(bash("sleep 600", name="busy", resources=need()), targets=PSIDS[:1])
    keys = bench.submit(first, then, targets=PSIDS)
    ended = wait_until(
        lambda: (states := bench.states(keys)) and states.count("done") == 4 and states,
        "the others are done",
    )
    assert ended == ["failed", "skipped"] * 2 + ["done"] * 4
    failed = JobQuery(letters="e", filters=("name:first",))
    edit = Edit(code='cp "$f1" "$o1"; echo "$s1"', args=(Argument("s1", "STRING", value="new"),))
    desk = bench.scheduler.desk
    rows = desk.dry_rerun(failed, edit, "anna")
    assert [(row.psid, row.action, row.args["s1"]) for row in rows] == [
        (psid, "run", ["new"]) for psid in PSIDS[:2]
    ]
    outcome = desk.rerun(failed, edit, "anna")
    assert (outcome.n, outcome.refused) == (2, {})
    assert bench.wait(keys) == ["done"] * 8
    assert bench.row(busy).state == "running"
    detail = bench.scheduler.job_detail(keys[0])
    assert [(a.n, a.state, a.code) for a in detail.attempts] == [(1, "failed", 3), (2, "done", 0)]
    assert [a.spec and a.spec["job"]["code"] for a in detail.attempts] == [FAILS_FOR_TWO, None]
    assert bench.log(keys[0]) == "new\n"
    assert bench.scheduler.read_log(keys[0], attempt=1).text == ""
    [(job_id,)] = bench.sql("SELECT id FROM job WHERE key = ?", keys[0])
    with bench.catalog.read() as con:
        codes = [spec_of_attempt(con, job_id, n).job.code for n in (1, 2)]
    assert codes == [FAILS_FOR_TWO, edit.code]
    assert len(bench.scheduler.job_detail(keys[4]).attempts) == 1
    bench.scheduler.cancel(busy, "owner")


def test_a_rerun_changes_only_what_it_says(idle: Bench) -> None:
    job = bash("cat $f1 > $o1", file("a.txt"), out("b.txt"), resources=need(cpus=2))
    keys = idle.submit(job, targets=PSIDS)
    move(idle, keys[:2], "failed")
    edit = Edit(resources=Resources(cpus=1, memory_mb=100), priority=7, on_error="report")
    desk = idle.scheduler.desk
    outcome = desk.rerun(keys, edit, "anna")
    assert (outcome.n, outcome.n_refused) == (2, 2)
    assert "queued cannot be edited" in outcome.refused[keys[3]]
    row, other = idle.row(keys[0]), idle.row(keys[2])
    assert (row.cpus, row.memory_mb, row.priority, row.on_error) == (1, 100, 7, "report")
    assert (other.cpus, other.priority, other.on_error) == (2, 0, "break")
    assert idle.scheduler.job_detail(keys[0]).spec["job"]["code"] == job.code
    move(idle, keys[:2], "failed")
    wrong = desk.rerun(keys[:2], Edit(code="cp $f1 $f2"), "anna")
    assert "refers to f2" in wrong.refused[keys[0]]
    assert idle.states(keys[:2]) == ["failed", "failed"]
    [row] = desk.dry_rerun(keys[:1], Edit(code="cp $f1 $f2"), "anna")
    assert row.action == "problem"
    assert desk.rerun(keys[:1], Edit(resources=Resources(cpus=99)), "anna").n == 0


@pytest.mark.parametrize(
    ("downstream", "states"),
    [("needed", ["queued", "done"]), ("all", ["queued", "queued"]), ("none", ["queued", "done"])],
)
def test_what_lies_behind_a_done_job_follows_when_asked(
    idle: Bench, downstream: Any, states: list[str]
) -> None:
    keys = idle.submit(bash("1"), bash("2"))
    move(idle, keys, "done")
    idle.scheduler.desk.rerun(keys[:1], Edit(), "anna", downstream=downstream)
    assert idle.states(keys) == states


def found(bench: Bench, *filters: str) -> set[str]:
    return {row.name for row in bench.scheduler.job_rows(JobQuery(filters=filters)).items}


def test_GRID_x01_columns_are_filtered(idle: Bench) -> None:
    idle.submit(bash("1", name="smooth_it"), bash("2", name="smoothXit", resources=need(cpus=3)))
    idle.submit(bash("3", name="bias 100%"), priority=5)
    assert found(idle, "name:smooth") == {"smooth_it", "smoothXit"}
    assert found(idle, "name:smooth_") == {"smooth_it"}
    assert found(idle, "name:*it") == {"smooth_it", "smoothXit"}
    assert found(idle, "name:=BIAS 100%") == found(idle, "name:0%") == {"bias 100%"}
    assert found(idle, "name:bias | Xit") == {"bias 100%", "smoothXit"}
    assert found(idle, "name:!smooth") == found(idle, "priority:>4") == {"bias 100%"}
    assert found(idle, "cpus:2..4") == found(idle, "cpus:3") == {"smoothXit"}
    assert found(idle, "cpus:<=1", "owner:own", "function:bash") == {"smooth_it", "bias 100%"}
    assert found(idle, "created:>1h") == found(idle, "wall_s:!>1") == found(idle)
    assert found(idle, "created:<1h") == found(idle, "started:>2020-01-01") == set()
    assert found(idle, "failure:") == found(idle)
    for wrong in ("nothing:x", "name", "cpus:many", "created:yesterday"):
        with pytest.raises(Invalid):
            found(idle, wrong)


@given(st.sampled_from(sorted(COLUMNS)), st.text(max_size=12))
def test_a_filter_is_read_or_refused_and_never_becomes_sql(column: str, text: str) -> None:
    try:
        parts = conditions([parse_filter(f"{column}:{text}")], {column: "thing"})
    except Invalid:
        return
    con = sqlite3.connect(":memory:")
    try:
        con.execute("CREATE TABLE t (thing)")
        con.execute("INSERT INTO t VALUES (5)")
        for sql, values in parts:
            assert con.execute(f"SELECT count(*) FROM t WHERE {sql}", values).fetchone()[0] < 2  # noqa: S608
    finally:
        con.close()


def test_GRID_x02_counters_of_own_jobs_and_those_of_others(idle: Bench) -> None:
    keys = idle.submit(bash("1"), targets=PSIDS)
    move(idle, keys[:1], "failed")
    desk = idle.scheduler.desk
    assert desk.counts(JobQuery(), "owner") == {"own": {"q": 3, "e": 1}, "others": {}}
    assert desk.counts(JobQuery(), "anna") == {"own": {}, "others": {"q": 3, "e": 1}}
    assert desk.counts(JobQuery(project_ids=frozenset()), "anna") == {"own": {}, "others": {}}


def test_batches_that_were_started_are_listed(idle: Bench) -> None:
    first, _ = idle.submit(bash("1"), bash("2"))
    idle.submit(bash("1"), targets=PSIDS)
    move(idle, [first], "failed")
    newest, oldest = idle.scheduler.desk.batches("demo")
    assert (newest.n_jobs, newest.counts) == (4, {"q": 4})
    assert (oldest.n_jobs, oldest.counts) == (2, {"e": 1, "q": 1})
    shown = idle.scheduler.desk.batch(newest.key)
    assert shown.targets == PSIDS
    assert shown.spec["jobs"][0]["code"] == "1"
    with pytest.raises(NotFound):
        idle.scheduler.desk.batch("none")


def test_logs_are_searched_and_given_whole(bench: Bench) -> None:
    code = 'echo "attempt $NORA_ATTEMPT"; echo "Ünusual ERROR in $NORA_SUBJECT"; false'
    keys = bench.submit(bash(code), targets=PSIDS[:2])
    quiet = bench.submit(bash("echo fine"), targets=PSIDS[:2])
    bench.wait([*keys, *quiet])
    desk = bench.scheduler.desk
    desk.act(keys[:1], "retry", "anna")
    bench.wait(keys)
    hits = desk.search_log(keys[0], "ünusual error")
    assert (hits.n, hits.items[0].line, hits.items[0].attempt) == (1, 2, 2)
    assert hits.items[0].text == "Ünusual ERROR in S-1"
    piece = bench.scheduler.read_log(keys[0], offset=hits.items[0].offset)
    assert piece.text.startswith("Ünusual")
    everywhere = desk.search_logs(JobQuery(), "error")
    assert (everywhere.n, everywhere.n_logs, everywhere.complete) == (2, 2, True)
    assert {hit.key for hit in everywhere.items} == set(keys)
    assert desk.search_logs(quiet, "error").n == 0
    whole = b"".join(desk.log_file(keys[0])).decode()
    assert whole.count("=====") == 4
    assert whole.index("attempt 1\n") < whole.index("attempt 2\n")
    assert b"".join(desk.log_file(keys[0], attempt=1)).startswith(b"attempt 1\n")
    with pytest.raises(NotFound):
        desk.log_file(keys[0], attempt=9)


def test_a_search_passes_over_what_was_not_kept(bench: Bench) -> None:
    (key,) = bench.submit(bash("true"))
    bench.wait([key])
    [(run_dir,)] = bench.sql("SELECT run_dir FROM attempt")
    log = Path(run_dir) / "log.txt"
    log.write_bytes(b"first needle\nhalf a l" + b"\0" * 5000 + b"ine\nlast needle\n")
    log.with_name("log.gap").write_text("[21, 5021]")
    hits = bench.scheduler.desk.search_log(key, "needle")
    assert [(hit.offset, hit.text) for hit in hits.items] == [
        (0, "first needle"),
        (5025, "last needle"),
    ]


def test_logs_that_are_to_be_kept_outlive_the_others(bench: Bench) -> None:
    (kept,) = bench.submit(bash("true", keep_logs=True))
    (other,) = bench.submit(bash("true"))
    bench.wait([kept, other])
    bench.catalog.write(lambda tx: tx.con.execute("UPDATE job SET ended_at = 0"))
    assert purge_jobs(bench.catalog, bench.folder, 90) == 1
    assert bench.row(kept).state == State.DONE


def test_a_job_that_was_edited_since_it_was_picked_does_not_start_as_it_was(idle: Bench) -> None:
    (key,) = idle.submit(bash("echo old"))
    with idle.catalog.read() as con:
        job = con.execute("SELECT * FROM job WHERE key = ?", (key,)).fetchone()
    idle.scheduler.desk.act([key], "hold", "anna")
    idle.scheduler.desk.rerun([key], Edit(code="echo new"), "anna")
    idle.scheduler._starter.start(job, idle.scheduler.adapters.of(job), [])
    assert idle.row(key).state == "queued"
    idle.start()
    assert idle.wait([key]) == ["done"]
    assert idle.log(key) == "new\n"

"""The table of jobs, counts on studies, the JOB filter, logs, GPUs, sandbox, retention."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from appliance import catalog as cat
from appliance.core import Conflict, Invalid, NotFound
from appliance.jobs import JobDetail, JobQuery, JobRow, LogPiece, Place, Placed, purge_jobs
from tests.jobs.kit import Bench, MakeBench, bash


@pytest.fixture
def idle(make_bench: MakeBench) -> Bench:
    bench = make_bench(start=False)
    for number in range(1, 6):
        bench.study(f"S-{number}#V1")
    return bench


def set_state(bench: Bench, key: str, state: str) -> None:
    bench.catalog.write(
        lambda tx: tx.con.execute("UPDATE job SET state = ? WHERE key = ?", (state, key))
    )


@pytest.mark.parametrize("sort", ["created", "-created", "psid", "-psid", "name", "state"])
def test_GRID_02_pages_hold_every_job_once_in_order(idle: Bench, sort: str) -> None:
    targets = [f"S-{number}#V1" for number in range(1, 6)]
    for name in ("b", "a"):
        idle.submit(bash("true", name=name), targets=targets)
    whole = idle.scheduler.job_rows(JobQuery(sort=sort)).items
    assert len({row.key for row in whole}) == 10
    paged: list[JobRow] = []
    after = None
    while True:
        page = idle.scheduler.job_rows(JobQuery(sort=sort, after=after, limit=3))
        assert page.total == 10
        paged += page.items
        after = page.next
        if after is None:
            break
    assert paged == whole
    if sort.removeprefix("-") in ("psid", "name"):
        values = [getattr(row, sort.removeprefix("-")) for row in whole]
        assert values == sorted(values, reverse=sort.startswith("-"))


@pytest.mark.parametrize("letters", ["all", "q", "qe", "e", "d"])
@pytest.mark.parametrize("sort", ["created", "-created", "-psid", "owner", "wall_s"])
def test_GRID_x02_a_page_begins_at_any_number(idle: Bench, sort: str, letters: str) -> None:
    targets = [f"S-{number}#V1" for number in range(1, 6)]
    keys = idle.submit(bash("true", name="a"), bash("true", name="b"), targets=targets)
    for key in keys[::3]:
        set_state(idle, key, "failed")
    whole = idle.scheduler.job_rows(JobQuery(sort=sort, letters=letters)).items
    for offset in range(12):
        query = JobQuery(sort=sort, letters=letters, offset=offset, limit=3)
        page = idle.scheduler.job_rows(query)
        assert page.items == whole[offset : offset + 3]
        assert page.total == len(whole)
        if page.next:
            behind = JobQuery(sort=sort, letters=letters, after=page.next, limit=3)
            assert idle.scheduler.job_rows(behind).items == whole[offset + 3 : offset + 6]
    with pytest.raises(Invalid, match="not both"):
        idle.scheduler.job_rows(JobQuery(offset=3, after="x"))


def test_GRID_x02_counts_are_kept_through_all_changes(idle: Bench) -> None:
    keys = idle.submit(bash("true"), targets=["S-1#V1", "S-2#V1", "S-3#V1"])
    idle.submit(bash("true"), targets=["S-4#V1"])
    set_state(idle, keys[0], "failed")
    idle.scheduler.cancel(keys[1], "owner")
    idle.scheduler.dismiss(keys[1], "owner")
    exact = "SELECT batch_id, dismissed, state, count(*) FROM job GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    kept = "SELECT batch_id, dismissed, state, n FROM job_count WHERE n <> 0 ORDER BY 1, 2, 3"
    assert idle.sql(kept) == idle.sql(exact) != []
    batch = idle.row(keys[0]).batch_key
    for query, n in (
        (JobQuery(), 3),
        (JobQuery(batch=batch), 2),
        (JobQuery(letters="q"), 2),
        (JobQuery(letters="dismissed"), 1),
        (JobQuery(project="demo", project_ids=frozenset({1})), 3),
        (JobQuery(project="other"), 0),
        (JobQuery(project_ids=frozenset()), 0),
    ):
        page = idle.scheduler.job_rows(query)
        assert (page.total, len(page.items)) == (n, n), query
    assert idle.scheduler.desk.counts(JobQuery(), "owner") == {
        "own": {"q": 2, "e": 1},
        "others": {},
    }
    idle.catalog.write(lambda tx: tx.con.execute("UPDATE job SET dismissed = 1, ended_at = 1"))
    idle.catalog.write(lambda tx: tx.con.execute("UPDATE job SET state = 'done'"))
    assert purge_jobs(idle.catalog, idle.folder, 0) == 4
    assert idle.sql("SELECT count(*) FROM job_count") == [(0,)]


def test_GRID_02_filters_and_search(idle: Bench) -> None:
    one, two = idle.submit(bash("true", name="smooth_it"), targets=["S-1#V1", "S-2#V1"])
    (other,) = idle.submit(bash("true", name="smoothXit"), targets=["S-3#V1"])
    set_state(idle, two, "failed")

    def found(**query: Any) -> set[str]:
        return {row.key for row in idle.scheduler.job_rows(JobQuery(**query)).items}

    assert found(search="smooth_it") == {one, two}
    assert found(search="S-3#V1 smooth") == {other}
    assert found(letters="e") == {two}
    assert found(letters="qe") == {one, two, other}
    assert found(letters="d") == found(project="nothing") == set()
    assert found(project="demo", batch=idle.row(one).batch_key) == {one, two}
    with pytest.raises(Invalid, match="sorted"):
        found(sort="nonsense")
    with pytest.raises(Invalid, match="cursor"):
        found(after="nonsense")
    with pytest.raises(NotFound):
        idle.scheduler.job_detail("nothing")


def test_GRID_05_06_errors_stay_until_they_are_dismissed(idle: Bench) -> None:
    (key,) = idle.submit(bash("true"))
    with pytest.raises(Conflict):
        idle.scheduler.dismiss(key, "owner")
    set_state(idle, key, "failed")
    idle.scheduler.dismiss(key, "owner")
    assert idle.scheduler.job_rows(JobQuery()).items == []
    assert idle.scheduler.job_detail(key).row.key == key
    assert idle.scheduler.act_on_many([key], "suspend", "owner").keys() == {key}
    with pytest.raises(Invalid):
        idle.scheduler.act(key, "explode", "owner")


def test_GRID_06_a_dismissed_job_is_found_and_brought_back(idle: Bench) -> None:
    key, other = idle.submit(bash("true"), bash("true"))
    set_state(idle, key, "failed")
    with pytest.raises(Conflict):
        idle.scheduler.act(key, "restore", "owner")
    idle.scheduler.dismiss(key, "owner")
    (row,) = idle.scheduler.job_rows(JobQuery(letters="dismissed")).items
    assert (row.key, row.dismissed, row.letter) == (key, True, "e")
    assert [row.key for row in idle.scheduler.job_rows(JobQuery()).items] == [other]
    idle.scheduler.act(key, "restore", "owner")
    assert idle.scheduler.job_rows(JobQuery(letters="dismissed")).items == []
    assert {row.key for row in idle.scheduler.job_rows(JobQuery()).items} == {key, other}


def test_GRID_09_PROJ_18_21_counts_and_the_JOB_filter(idle: Bench) -> None:
    (first, *_) = idle.submit(bash("true"), bash("true"), targets=["S-1#V1"])
    idle.submit(bash("true"), targets=["S-2"], level="subject")
    set_state(idle, first, "failed")
    with idle.catalog.read() as con:
        rows = {row.pid: row.jobs for row in cat.list_studies(con, 1, cat.StudyQuery()).items}
        assert (rows["S-1"].q, rows["S-1"].e) == (1, 1)
        assert rows["S-2"].q == 1
        assert rows["S-3"] == cat.JobCounts()

        def pids(jobs: str) -> list[str]:
            query = cat.StudyQuery(files=f"JOB:{jobs}", sort="pid")
            return sorted(row.pid for row in cat.list_studies(con, 1, query).items)

        assert pids("e") == ["S-1"]
        assert pids("q") == ["S-1", "S-2"]
        assert pids("r") == []
        with pytest.raises(Invalid, match="JOB"):
            pids("x")


class OtherRows:
    """A source with copies of a job: some of the same age, one older, one newer."""

    def __init__(self, like: JobRow, ages: list[int]) -> None:
        made = [
            msgspec.structs.replace(like, key=f"other{n}", created_at=like.created_at + age)
            for n, age in enumerate(ages)
        ]
        self.all = [Placed(Place(row.created_at, n), row) for n, row in enumerate(made)]
        self.done: list[tuple[str, str, str]] = []

    def rows(self, query: JobQuery, after: Place | None) -> list[Placed]:
        down = query.descending
        found = sorted(self.all, key=lambda one: one.place, reverse=down)
        if after is not None:
            found = [o for o in found if (o.place < after if down else o.place > after)]
        return found[: query.limit + 1]

    def count(self, query: JobQuery) -> int:
        return len(self.all)

    def owns(self, key: str) -> bool:
        return key.startswith("other")

    def detail(self, key: str) -> JobDetail:
        row = next(one.row for one in self.all if one.row.key == key)
        return JobDetail(row=row, spec={}, attempts=[], files=[], history=[])

    def read_log(self, key: str, *, offset: int = 0) -> LogPiece:
        return LogPiece(f"about {key}"[offset:], len(key), True)

    def act(self, key: str, action: str, actor: str) -> None:
        if action != "retry":
            raise Conflict(f"nobody can {action} this")
        self.done.append((key, action, actor))


@pytest.mark.parametrize("sort", ["created", "-created"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_hold_the_rows_of_every_source_once_in_order(
    idle: Bench, sort: str, limit: int
) -> None:
    keys = idle.submit(bash("true"), targets=[f"S-{number}#V1" for number in range(1, 6)])
    idle.catalog.write(lambda tx: tx.con.execute("UPDATE job SET created_at = 1000"))
    like = idle.row(keys[0])
    for ages in ([0, 0, -5, 9], [0]):
        source = OtherRows(like, ages)
        source.owns = lambda key: False  # type: ignore[method-assign]
        idle.scheduler.register_row_source(source)
    seen: list[tuple[str, int]] = []
    after = None
    while True:
        page = idle.scheduler.job_rows(JobQuery(sort=sort, after=after, limit=limit))
        assert page.total == 10
        assert len(page.items) <= limit
        seen += [(row.key, row.created_at) for row in page.items]
        after = page.next
        if after is None:
            break
    ages = [created for _, created in seen]
    assert ages == sorted(ages, reverse=sort == "-created")
    assert sorted(seen) == sorted(
        [(key, 1000) for key in keys]
        + [("other0", 1000), ("other1", 1000), ("other2", 995), ("other3", 1009)]
        + [("other0", 1000)]
    )


def test_a_row_of_another_source_is_read_and_acted_on_there(idle: Bench) -> None:
    (key,) = idle.submit(bash("true"))
    source = OtherRows(idle.row(key), [0])
    idle.scheduler.register_row_source(source)
    assert idle.scheduler.job_detail("other0").row.key == "other0"
    assert idle.scheduler.job_detail(key).row.key == key
    assert idle.scheduler.read_log("other0", offset=6).text == "other0"
    refused = idle.scheduler.act_on_many(["other0", key, "none"], "suspend", "owner")
    assert refused.keys() == {"other0", "none"}
    assert idle.row(key).state == "held"
    idle.scheduler.act("other0", "retry", "owner")
    assert source.done == [("other0", "retry", "owner")]


def test_a_log_is_read_in_pieces_without_cutting_characters(bench: Bench) -> None:
    (key,) = bench.submit(bash("for i in $(seq 90000); do printf 'äöü'; done; printf '\\377'"))
    bench.wait([key])
    text, offset, done, n = "", 0, False, 0
    while not done:
        piece = bench.scheduler.read_log(key, offset=offset)
        text, offset, done, n = text + piece.text, piece.offset, piece.done, n + 1
        assert n < 10
    assert text == "äöü" * 90000 + "\N{REPLACEMENT CHARACTER}"
    assert n == 3


def test_old_jobs_are_forgotten_but_not_undismissed_errors(bench: Bench) -> None:
    (good,) = bench.submit(bash("true"))
    (bad,) = bench.submit(bash("exit 1"))
    bench.wait([good, bad])
    assert purge_jobs(bench.catalog, bench.folder, 90) == 0
    bench.catalog.write(lambda tx: tx.con.execute("UPDATE job SET ended_at = 0"))
    assert purge_jobs(bench.catalog, bench.folder, 90) == 1
    assert not (bench.folder.jobs / good).exists()
    assert [row.key for row in bench.scheduler.job_rows(JobQuery()).items] == [bad]
    bench.scheduler.dismiss(bad, "owner")
    assert purge_jobs(bench.catalog, bench.folder, 90) == 1
    assert bench.sql("SELECT count(*) FROM batch") == [(0,)]

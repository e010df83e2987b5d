"""Jobs of others on a cluster, in the table of jobs (GRID)."""

from __future__ import annotations

import pytest

from appliance.core import Conflict, NotFound
from appliance.jobs import JobQuery, JobRow
from tests.jobs.kit import Bench, MakeBench, bash
from tests.jobs.places import slurm_place
from tests.support.slurm import Slurm
from tests.support.waiting import wait_until


def foreign(bench: Bench, **query: object) -> list[JobRow]:
    page = bench.scheduler.job_rows(JobQuery(**query))  # type: ignore[arg-type]
    return [row for row in page.items if row.foreign]


def test_jobs_of_others_are_listed_and_left_alone(make_bench: MakeBench, slurm: Slurm) -> None:
    bench = make_bench(**slurm_place(slurm).settings)
    bench.study("S-1#V1", "x.txt")
    slurm.run(
        "sbatch",
        "-pclosed",
        "-Jtheirs|one",
        "--mem=96",
        "--comment=a\x1fb",
        "--output=/dev/null",
        "--wrap=true",
    )
    slurm.run("sbatch", "-pclosed", "-Jtheirs two", "-c2", "--output=/dev/null", "--wrap=true")
    (ours,) = bench.submit(bash("true"), queue="shut")
    try:
        wait_until(lambda: "at hill" in bench.row(ours).why, "ours waits there, too")
        rows = wait_until(
            lambda: [r for r in foreign(bench, sort="name") if "theirs" in r.name], "they are shown"
        )
        assert [row.name for row in rows if row.name == "theirs two"] == ["theirs two"]
        row = rows[-1]
        assert (row.letter, row.state, row.owner, row.queue) == ("q", "queued", "root", "closed")
        assert (row.cpus, row.adapter, row.project) == (2, "hill", "")
        assert not [r for r in foreign(bench) if "nora-" in r.name]
        assert [r.name for r in foreign(bench, filters=("cpus:2", "name:theirs*"))] == [row.name]
        assert [r.name for r in foreign(bench, search="two closed")] == [row.name]
        assert foreign(bench, letters="r", search="theirs") == []
        assert foreign(bench, project="demo") == []
        limited = foreign(bench, project_ids=frozenset({1}))
        assert {r.name for r in limited} == {"job of someone else"}
        assert bench.scheduler.job_detail(row.key).row.name == row.name
        with pytest.raises(Conflict):
            bench.scheduler.act(row.key, "cancel", "owner")
        with pytest.raises(NotFound):
            bench.scheduler.job_detail("cluster:hill:999999")
        page = bench.scheduler.job_rows(JobQuery(limit=1, sort="name"))
        seen = [*page.items]
        while page.next:
            page = bench.scheduler.job_rows(JobQuery(limit=1, sort="name", after=page.next))
            seen += page.items
        assert len(seen) == len({one.key for one in seen}) == page.total
    finally:
        slurm.run("scancel", "--partition=closed", "--user=root")

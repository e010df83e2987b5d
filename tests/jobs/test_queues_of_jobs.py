"""Where jobs wait: as they say themselves, their batch, their tool, their project, the settings."""

from __future__ import annotations

import pytest

from appliance import catalog as cat
from appliance.core import Invalid
from appliance.jobs import JobSpec, Tool
from tests.jobs.kit import Bench, MakeBench, bash

QUEUES = ["usual", "DPXimport", "night", "big"]


@pytest.fixture
def idle(make_bench: MakeBench) -> Bench:
    """A bench that does not run, with queues of its own names."""
    bench = make_bench(start=False, **{"jobs.queues": QUEUES})
    bench.study("S-1#V1")
    bench.tools.register_tool(
        Tool(id="heavy", menu="m/heavy", name="heavy", command=("true",), queue="big")
    )
    return bench


def project_says(bench: Bench, queue: str) -> None:
    def change(tx: cat.Tx) -> None:
        cat.change_policy(tx, "demo", {"queue": queue}, actor="owner")

    bench.catalog.write(change)


def test_QUEUE_x01_BATCH_23_the_nearest_word_about_the_queue_counts(idle: Bench) -> None:
    heavy = JobSpec(name="h", tool="heavy")
    own = bash("true", queue="night")

    def queues(*jobs: JobSpec, **spec: str) -> list[str]:
        return [idle.row(key).queue for key in idle.submit(*jobs, **spec)]

    assert queues(bash("true"), heavy, own) == ["usual", "big", "night"]
    assert queues(bash("true"), heavy, own, queue="DPXimport") == [
        *("DPXimport", "DPXimport", "night")
    ]
    project_says(idle, "night")
    assert queues(bash("true"), heavy) == ["night", "big"]
    assert idle.sql("SELECT DISTINCT queue FROM batch ORDER BY 1") == [
        *(("DPXimport",), ("night",), ("usual",))
    ]


@pytest.mark.parametrize("place", ["job", "batch", "project"])
def test_QUEUE_x01_a_queue_that_is_not_there_is_refused(idle: Bench, place: str) -> None:
    if place == "project":
        project_says(idle, "nowhere")
    job = bash("true", queue="nowhere") if place == "job" else bash("true")
    with pytest.raises(Invalid, match="there is no queue 'nowhere'") as refused:
        idle.submit(job, **({"queue": "nowhere"} if place == "batch" else {}))
    assert "usual" in refused.value.hint

"""The verb `jobs`: hold, release and order of waiting jobs, one and a selection."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_lines import PROJECT, STUDY, nora
from tests.support.waiting import wait_until

__all__ = ["nora"]


@pytest.fixture
def batch(nora):
    """Key of a batch whose second job waits for its first one, which does not end."""
    from appliance.jobs import BatchSpec, JobSpec

    jobs = tuple(JobSpec(name, language="bash", code="sleep 600") for name in ("runs", "waits"))
    scheduler = nora.services.scheduler
    key = scheduler.submit_batch(BatchSpec("two", PROJECT, jobs), [STUDY], "owner").key
    yield key
    nora.run("jobs", "--batch", key, "--cancel")


def shown(nora, key):
    code, out, err = nora.run("jobs", "--batch", key, "--json")
    assert code == 0, err
    return {row["name"]: row for row in json.loads(out)}


def test_jobs_are_held_released_and_reordered_on_the_command_line(nora, batch):
    key = shown(nora, batch)["waits"]["key"]
    assert nora.run("jobs", key, "--hold")[:2] == (0, "1 done\n")
    assert shown(nora, batch)["waits"]["state"] == "held"
    assert nora.run("jobs", key, "--priority", "-7")[:2] == (0, "1 done\n")
    assert nora.run("jobs", key, "--release")[:2] == (0, "1 done\n")
    row = shown(nora, batch)["waits"]
    assert (row["state"], row["priority"]) == ("queued", -7)


def test_a_selection_of_jobs_is_acted_on_and_refusals_are_told(nora, batch):
    wait_until(lambda: shown(nora, batch)["runs"]["state"] == "running", "it runs")
    runs = shown(nora, batch)["runs"]["key"]
    code, out, err = nora.run("jobs", "--batch", batch, "--priority", "5")
    assert (code, out) == (2, "1 done\n")
    assert err == f"error: {runs}: a job that is running has no place in the order\n"
    assert nora.run("jobs", "--batch", batch, "--state", "q", "--hold")[:2] == (0, "1 done\n")
    assert {name: row["state"] for name, row in shown(nora, batch).items()} == {
        "runs": "running",
        "waits": "held",
    }


def test_an_action_needs_to_know_which_jobs(nora):
    code, _, err = nora.run("jobs", "--cancel")
    assert code == 2
    assert "say which jobs" in err
    code, _, err = nora.run("jobs", "nothing", "--hold")
    assert code == 2
    assert "nothing" in err

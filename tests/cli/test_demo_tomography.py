"""`nora demo tomography` tells the steps while they run, and where to look at what came of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance import catalog
from appliance.cli import demo_tomography
from appliance.cli.demo_steps import PROJECT
from appliance.cli.demo_tomography import NAME, STUDY, SUBJECT, TomographyRun
from appliance.client import Client
from appliance.jobs import BatchSpec, JobSpec

PSID = f"{SUBJECT}#{STUDY}"
RESULTS = (
    f"{NAME}_rec.mrc",
    f"hedwig/neuro-{NAME}",
    f"hedwig/tiltMov_{NAME}.mp4",
    f"hedwig/keyMov_{NAME}.mp4",
)


@pytest.fixture
def run(works):
    def study(tx):
        subject = catalog.ensure_subject(tx, catalog.get_project(tx.con, PROJECT).id, SUBJECT)
        catalog.ensure_study(tx, subject, STUDY)

    works.services.catalog.write(study)
    with Client(socket=works.socket) as client:
        yield TomographyRun(client, works.services.folder)


def batch(run, works, code):
    """Start a job of the name that the demo looks for."""
    job = JobSpec("Sample tomogram", language="bash", code=code)
    return works.services.scheduler.submit_batch(
        BatchSpec("told", PROJECT, (job,)), [PSID], "owner"
    ).key


def working_folder(works):
    """Where the newest attempt runs; its /tmp is its own."""
    with works.services.catalog.read() as con:
        found = con.execute("SELECT run_dir FROM attempt ORDER BY job_id DESC LIMIT 1").fetchone()
    return Path(found["run_dir"], "work")


def test_BRT_08_each_step_is_told_once_and_while_the_job_runs(run, works):
    code = """
echo "sample: step 1 of 5, check"; echo "sample: step 3 of 5, tomogram"
echo "a word of a library"; printf "sample:   7 %% follow"
while [ ! -e go ]; do sleep 0.02; done
echo "ing beads"; echo "sample:  14 % following beads"; echo "sample:  45 % aligned"
echo "sample: step 5 of 5, keep"
"""
    heard = []

    def say(text):
        heard.append(text)
        if "step 3" in text:
            # the job waits for it: who says nothing before the end never comes here
            (working_folder(works) / "go").touch()

    run.follow(batch(run, works, code), say)
    assert heard == [
        "sample: step 1 of 5, check",
        "sample: step 3 of 5, tomogram",
        "sample:   7 % following beads",
        "sample:  45 % aligned",
        "sample: step 5 of 5, keep",
    ]


def test_BRT_11_the_last_words_name_the_page_and_a_failure_is_not_called_a_tomogram(
    run, works, monkeypatch
):
    page = f"http://127.0.0.1:{works.services.settings.web.port}/tomography"
    heard = []
    code = 'echo "error: sample: it has no tilt angles" >&2; exit 1'
    run.follow(batch(run, works, code), heard.append)
    assert heard == ["error: sample: it has no tilt angles"]
    told = run.summary()
    assert "did not become a tomogram: Sample tomogram failed" in told
    assert page in told
    assert "Jobs without a result" in told
    *volumes, tilt_movie, key_movie = RESULTS
    for name in volumes:
        run.client.put(PROJECT, PSID, f"tomography/{NAME}/{name}", "x")
    assert "did not become a tomogram" in run.summary()
    with monkeypatch.context() as without:
        without.setattr(demo_tomography, "find_spec", lambda _: None)
        told = run.summary()
        assert "became a tomogram" in told
        assert "movies: they need PyAV" in told
        assert "[tomography]" in told
        assert run.checks()[1].ok
        assert run.checks()[1].text.startswith("tomogram and pyramid: all there")
    for name in (tilt_movie, key_movie):
        run.client.put(PROJECT, PSID, f"tomography/{NAME}/{name}", "x")
    told = run.summary()
    assert "PyAV" not in told
    assert "became a tomogram in TOMO-1#2026_01" in told
    assert f"\n    {page}\n" in told
    assert f"Click on {NAME}" in told
    assert all(check.ok for check in run.checks()[1:])

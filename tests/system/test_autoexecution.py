"""The service is killed between an arrival and its batch, which runs, and runs once (GEN-07)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from tests.support.service import Service
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow]

JOB = {"name": "mark", "language": "bash", "code": "true"}


@pytest.mark.parametrize("point", ["autorun_taken", "autorun_before_commit"])
def test_GEN_07_killed_between_arrival_and_batch_it_runs_once(tmp_path: Path, point: str) -> None:
    service = Service(tmp_path / "data").start()
    try:
        query = {"project": "default"}
        service.http.put(
            "/batches/saved/mark", params=query, json={"jobs": [JOB]}
        ).raise_for_status()
        rule = {"batch": "mark", "quiet_minutes": 0}
        service.http.put("/projects/default/autorules/r", json=rule).raise_for_status()
        service.kill()
        service.start(extra_env={"NORA_TEST": "1", "NORA_CRASH_AT": point})
        image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4))
        service.upload("a.nii", image.to_bytes(), subject="K-1", study="2024")
        process = service.process
        assert process is not None
        assert process.wait(60) == 9
        service.start()

        def ran() -> list[dict[str, Any]] | None:
            found = service.items("/jobs", project="default", search="K-1", state="all")
            jobs = [job for job in found if job["name"] == "mark"]
            return jobs if jobs and jobs[0]["letter"] == "d" else None

        assert len(wait_until(ran, "the batch has run", show=service.log)) == 1
        fired = service.items("/projects/default/autofirings")
        assert [(one["psid"], one["state"]) for one in fired] == [("K-1#2024", "submitted")]
    finally:
        service.stop()

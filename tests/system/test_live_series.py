"""A tilt series is followed while it is recorded; the rules of its project run when it is over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Service
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow]

RULE = "count"
# Word 3 of an MRC header: how many sections the file has when the job reads it.
CODE = """sections=$(od -A n -t d4 -j 8 -N 4 "$f1") && echo sections $sections"""
JOB = {
    "name": RULE,
    "language": "bash",
    "code": CODE,
    "args": [{"id": "f1", "kind": "FILE", "value": "TS_9.mrc"}],
}


@pytest.mark.timeout(300)
def test_TILT_rules_run_once_when_a_live_series_is_over_and_on_all_its_tilts(
    tmp_path: Path,
) -> None:
    share = tmp_path / "share"
    folder = share / "S_1" / "g1"
    folder.mkdir(parents=True)
    entry = f'path = "{share}", project = "default", pattern = "$subject/$study", live_s = 3600'
    service = Service(tmp_path / "data", {"NORA__WATCH__FOLDERS": f"[{{{entry}}}]"}).start()

    def jobs() -> list[dict[str, Any]]:
        rows = service.items("/jobs", project="default", state="all")
        return [one for one in rows if one["name"] == RULE]

    def told() -> dict[str, Any]:
        rows = service.items("/projects/default/files", files="*live/TS_9/report.json")
        assert rows
        found: dict[str, Any] = service.get(f"/files/{rows[0]['id']}/report.json")
        return found

    try:
        saved = {"level": "study", "jobs": [JOB]}
        query = {"project": "default"}
        service.http.put(f"/batches/saved/{RULE}", params=query, json=saved).raise_for_status()
        rule = {"batch": RULE, "requires": "*.mrc", "quiet_minutes": 0}
        service.http.put(f"/projects/default/autorules/{RULE}", json=rule).raise_for_status()
        words = [sys.executable, "-m", "tests.support.live_microscope", str(folder)]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as scope:
            assert scope.stdin is not None
            scope.stdin.write(b"5\n")
            scope.stdin.flush()
            wait_until(lambda: told()["n_tilts"] == 5, "five tilts are shown", show=service.log)
            assert told()["state"] == "recording"
            # Its preview is an .mrc of the study, too; no rule runs for what is not over.
            names = [one["name"] for one in service.items("/projects/default/files")]
            assert sorted(names) == ["TS_9_preview.mrc", "report.json"]
            assert jobs() == []
            scope.stdin.write(b"9\n")
            scope.stdin.close()
            assert scope.wait() == 0
        wait_until(
            lambda: [one["letter"] for one in jobs()] == ["d"], "the rule has run", show=service.log
        )
        assert told()["state"] == "recorded"
        log = service.get(f"/jobs/{jobs()[0]['key']}/log")["text"]
        assert "sections 9" in log
        fired = service.items("/projects/default/autofirings")
        assert [(one["psid"], one["state"]) for one in fired] == [("S_1#g1", "submitted")]
    finally:
        service.stop()

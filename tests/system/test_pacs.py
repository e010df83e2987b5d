"""The whole service pulls from a real archive, is killed in the middle, and loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.kit import write_series
from tests.support.orthanc import Orthanc, an_orthanc
from tests.support.service import Service
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system
UID = "1.2.826.0.1.3680043.10.996"
POINTS = ("pull.begun", "dicom.renamed:2", "pull.received")


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    root = tmp_path_factory.mktemp("orthanc")
    with an_orthanc(root / "o") as running:
        running.fill(write_series(root / "in", study_uid=f"{UID}.1", patient_id="W1", n=4))
        yield running


def inline(node: Any) -> str:
    """Write a node as an inline table of TOML, as the environment holds it."""
    return "{main={" + ", ".join(f"{k}={json.dumps(v)}" for k, v in node.items()) + "}}"


@pytest.fixture(params=POINTS, ids=[point.replace(":", "-") for point in POINTS])
def cut_off(request: Any, orthanc: Orthanc, tmp_path: Path) -> Iterator[Service]:
    """A service that was killed while it pulled."""
    env = {"NORA__PACS__NODES": inline(orthanc.node()), "NORA__DICOM__QUIET_S": "1"}
    running = Service(tmp_path / "data", env=env)
    orthanc.knows("NORA", running.dicom_port)
    try:
        running.start(extra_env={"NORA_TEST": "1", "NORA_CRASH_AT": request.param})
        words = ("pacs", "pull", "main", "-p", "default", "--patient", "W1", "--no-wait")
        asked = running.nora(*words)
        assert asked.returncode == 0, asked.stderr
        process = running.process
        assert process is not None
        wait_until(lambda: process.poll() is not None, "it was killed", show=running.log)
        yield running
    finally:
        running.stop()


def test_a_pull_outlives_the_death_of_the_service_at_every_point(cut_off: Service) -> None:
    cut_off.start()
    [pull] = wait_until(
        lambda: [
            one
            for one in cut_off.get("/projects/default/pacs/pulls")["items"]
            if one["state"] == "done"
        ],
        "the pull has come",
        show=cut_off.log,
    )
    assert (pull["n_received"], pull["n_expected"]) == (4, 4)

    def shapes() -> list[Any]:
        rows = cut_off.items("/projects/default/files")
        return [row["header"]["shape"] for row in rows if row["kind"] == "image"]

    # What had come before the end may be converted first; the rest then makes it whole.
    wait_until(lambda: shapes() == [[16, 16, 4]], "the whole image is there", show=shapes)
    wait_until(
        lambda: all(one["state"] in ("done", "failed") for one in cut_off.receipts()),
        "every arrival has ended",
        show=cut_off.receipts,
    )
    assert not list(cut_off.folder.incoming.rglob("*.dcm"))
    assert "DOE" not in cut_off.log_path.read_text("utf-8", "replace")

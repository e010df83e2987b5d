"""The client's arrivals and jobs, against a server behind which everything works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from appliance.client import Client
from appliance.core import Conflict, NotFound, PeerError
from appliance.exchange import ArrivalKind
from tests.support.waiting import wait_until
from tests.web_api.conftest import Site


@pytest.fixture
def nora(works: Site) -> Iterator[Client]:
    with Client(socket=works.socket) as client:
        yield client


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.nii"
    nib.save(nib.Nifti1Image(np.ones((3, 4, 5), np.int16), np.eye(4)), path)
    return path


def test_an_upload_is_followed_to_its_study(nora: Client, scan: Path) -> None:
    sent = nora.upload("default", scan, subject="S-1", study="2024")
    receipt = nora.wait_receipt(sent.key)
    assert (receipt.state, receipt.studies) == ("done", ["S-1#2024"])
    assert [item.state for item in receipt.items] == ["stored"]
    assert sent.key in [one.key for one in nora.all_receipts(project="default", state="done")]


def test_a_path_is_imported(nora: Client, scan: Path) -> None:
    begun = nora.import_path("default", scan, patients_id="S-2", studies_id="2024", pattern=None)
    assert nora.wait_receipt(begun.key).studies == ["S-2#2024"]
    with pytest.raises(NotFound):
        nora.import_path("default", scan.parent / "none")
    with pytest.raises(Conflict):
        nora.retry_receipt(begun.key)


def test_waiting_for_a_receipt_has_an_end(works: Site, nora: Client) -> None:
    _, key = works.services.importer.begin(ArrivalKind.UPLOAD, "default")
    with pytest.raises(PeerError, match="still receiving"):
        nora.wait_receipt(key, within_s=0.01, poll_s=0.01)


def test_a_batch_is_tried_started_and_followed(nora: Client, scan: Path) -> None:
    nora.wait_receipt(nora.upload("default", scan, subject="S-4", study="2024").key)
    args = [{"id": "f1", "kind": "FILE", "value": "*.nii"}]
    job = {"name": "list", "language": "bash", "code": 'ls -l "$f1"', "args": args}
    batch = {"project": "default", "name": "list", "jobs": [job], "targets": ["S-4#2024"]}
    assert nora.try_batch(batch)[0]["problem"] is None
    accepted = nora.submit_batch(batch)
    assert (accepted.n_jobs, accepted.unresolved) == (1, [])

    def ended() -> str | None:
        [row] = nora.all_jobs(batch=accepted.key)
        return None if row.letter in "qr" else row.letter

    assert wait_until(ended, "the job has ended") == "d"
    [row] = nora.all_jobs(batch=accepted.key)
    assert nora.job(row.key).state == "done"
    log = nora.log(row.key)
    assert ".nii" in log.text
    assert log.done
    with pytest.raises(Conflict):
        nora.job_action(row.key, "suspend")
    assert nora.tools()


def test_health_and_backups(nora: Client) -> None:
    assert nora.health().checks
    made = nora.backup()
    assert made.verified
    assert made.name in [one.name for one in nora.backups()]
    assert made.name.split("-", maxsplit=1)[0] in nora.fix("backup").note

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


def fails(name: str) -> dict[str, object]:
    return {"name": name, "language": "bash", "code": "echo first try; exit 3"}


def test_many_jobs_are_corrected_and_run_again_by_filter(nora: Client, scan: Path) -> None:
    nora.wait_receipt(nora.upload("default", scan, subject="S-6", study="2024").key)
    launched = nora.launch("default", fails("broken"), ["S-6#2024"])
    (job,) = nora.wait(launched)
    assert (job.letter, job.function) == ("e", "bash")
    named = {"project": "default", "batch": launched.key, "filter": ["name:=broken"]}
    assert [one.key for one in nora.all_jobs(batch=launched.key, filter=["state:failed"])] == [
        job.key
    ]
    change = {"code": "echo second try"}
    assert [row.action for row in nora.dry_rerun(change=change, **named)] == ["run"]
    assert nora.rerun(change=change, state="e", **named).n == 1
    (job,) = nora.wait(launched)
    assert job.letter == "d"
    assert nora.search_log(job.key, "SECOND").items[0].text == "second try"
    assert nora.search_log(job.key, "second", attempt=1).n == 0
    assert nora.search_logs("second", **named).n_logs == 1
    text = nora.save_log(job.key, scan.parent / "whole.log").read_text()
    assert text.index("first try") < text.index("second try")
    refused = nora.act_on_jobs("suspend", [job.key, "nothing"])
    assert (refused.n, refused.n_refused) == (0, 2)
    assert nora.act_on_jobs("dismiss", **named).n == 1
    assert "d" not in nora.job_counts("default").own or job.key not in [
        one.key for one in nora.all_jobs(batch=launched.key)
    ]


def test_batches_are_kept_checked_and_found_again(nora: Client, scan: Path) -> None:
    nora.wait_receipt(nora.upload("default", scan, subject="S-7", study="2024").key)
    arg = {"id": "f1", "kind": "FILE", "value": "*.nii", "studyref": "OLD"}
    job = {"name": "old", "language": "bash", "code": "ls $f1", "args": [arg]}
    nora.set_variable("default", "OLD", "[selectionpatient]#OLDEST")
    assert [one.name for one in nora.variables("default")] == ["OLD"]
    found = nora.dry_run(
        {"project": "default", "name": "b", "jobs": [job], "targets": ["S-7#2024"]}
    )
    assert (found.total, found.counts) == (1, {"run": 1})
    assert found.rows[0].args["f1"][0].endswith("scan.nii")
    nora.forget_variable("default", "OLD")
    nora.save_batch("default", "mine", {"jobs": [job]}, private=True)
    (kept,) = [one for one in nora.list_saved("default") if one.name == "mine"]
    assert (kept.private, kept.may_change) == (True, True)
    assert nora.check_batch("default", kept.doc) == []
    wrong = {**kept.doc, "jobs": [{"name": "x", "tool": "none"}]}
    assert "no tool" in nora.check_batch("default", wrong)[0]
    nora.forget_batch("default", "mine", private=True)
    launched = nora.launch("default", fails("again"), ["S-7#2024"])
    nora.wait(launched)
    assert nora.batches("default")[0].key == launched.key
    shown = nora.batch(launched.key)
    assert shown.targets == ["S-7#2024"]
    nora.save_batch("default", "from started", shown.doc)
    nora.forget_batch("default", "from started")

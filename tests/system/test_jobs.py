"""A batch runs over a study, its output is found by tag and opens as an overlay."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from appliance.upkeep.demo_dicom import MadePatient
from tests.support.samples import tiny_series, zip_of
from tests.support.service import Service
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system

HALVE = """\
set -e
test -s "$f1"
cp "$f1" "$o1"
echo halved the image
"""


def file_arg(pattern: str = "*t1*.nii") -> dict[str, Any]:
    """The argument $f1."""
    return {"id": "f1", "kind": "FILE", "value": pattern}


def out_arg(name: str) -> dict[str, Any]:
    """The argument $o1."""
    return {"id": "o1", "kind": "OUT", "value": name}


def submit(service: Service, psid: str, *jobs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Submit a batch over one study."""
    body = {"project": "default", "name": "test", "jobs": list(jobs), "targets": [psid], **more}
    return dict(service.post("/batches", body))


def ended(service: Service, batch_key: str, *, within_s: float = 90) -> list[dict[str, Any]]:
    """Wait until all jobs of a batch have ended."""

    def look() -> list[dict[str, Any]] | None:
        rows = service.items("/jobs", project="default", batch=batch_key, state="all")
        return rows if rows and all(row["letter"] in "edk" for row in rows) else None

    return wait_until(look, "the batch has ended", within_s=within_s, show=service.log)


@pytest.fixture(scope="module")
def study(service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A study with one image."""
    patient = MadePatient("DEMO^JOB", "DEMO-7001", "19700101", "O", "20230301")
    paths = tiny_series(tmp_path_factory.mktemp("job"), patient=patient)
    service.closed(service.upload("job.zip", zip_of(paths))["key"])
    return service.items("/projects/default/studies")[0]


def test_a_bash_job_makes_an_output_with_its_tag(service: Service, study: dict[str, Any]) -> None:
    job = {
        "name": "halve",
        "language": "bash",
        "code": HALVE,
        "args": [file_arg(), out_arg("halved/half.nii TAG(halved,qc)")],
    }
    key = submit(service, study["psid"], job)["key"]
    rows = ended(service, key)
    assert [row["letter"] for row in rows] == ["d"], service.get(f"/jobs/{rows[0]['key']}/log")
    assert "halved the image" in service.get(f"/jobs/{rows[0]['key']}/log")["text"]
    found = service.items("/projects/default/files", files="*half*")
    assert len(found) == 1
    assert set(found[0]["tags"]) >= {"halved", "qc"}
    assert found[0]["study_id"] == study["id"]


def test_the_output_can_be_laid_over_its_input(service: Service, study: dict[str, Any]) -> None:
    job = {
        "name": "mask",
        "language": "python",
        "code": (
            "import nibabel, numpy\n"
            "image = nibabel.load($f1)\n"
            "data = (image.get_fdata() > 200).astype(numpy.uint8)[::2]\n"
            "affine = image.affine @ numpy.diag([2.0, 1, 1, 1])\n"
            "nibabel.Nifti1Image(data, affine).to_filename($o1)\n"
        ),
        "args": [file_arg(), out_arg("masks/mask.nii TAG(mask)")],
    }
    rows = ended(service, submit(service, study["psid"], job)["key"])
    assert rows[0]["letter"] == "d", service.get(f"/jobs/{rows[0]['key']}/log")["text"]
    row = service.items("/projects/default/files", files="*masks/mask*")[0]
    assert row["volume_url"]
    answer = service.http.get(row["volume_url"].removeprefix("/api/v1"))
    mask = nib.Nifti1Image.from_bytes(answer.content)
    source = service.items("/projects/default/files", files="*t1*.nii", study_id=study["id"])[0]
    full = nib.Nifti1Image.from_bytes(
        service.http.get(source["volume_url"].removeprefix("/api/v1")).content
    )
    voxel = np.array([mask.shape[0] // 2, mask.shape[1] // 2, mask.shape[2] // 2])
    world = nib.affines.apply_affine(mask.affine, voxel)
    at = nib.affines.apply_affine(np.linalg.inv(full.affine), world).round().astype(int)
    assert np.asanyarray(full.dataobj)[tuple(at)] > 200
    assert np.asanyarray(mask.dataobj)[tuple(voxel)] == 1


def test_nora_inside_a_job_tags_its_output(service: Service, study: dict[str, Any]) -> None:
    job = {
        "name": "tag",
        "language": "bash",
        "code": 'set -e\ncp "$f1" "$o1"\nnora -a "$o1" --addtag byhand\n',
        "args": [file_arg(), out_arg("tagged/copy.nii")],
    }
    rows = ended(service, submit(service, study["psid"], job)["key"])
    assert rows[0]["letter"] == "d", service.get(f"/jobs/{rows[0]['key']}/log")["text"]
    found = wait_until(
        lambda: service.items("/projects/default/files", files="*tagged/copy*"), "the output"
    )
    assert "byhand" in found[0]["tags"]


def test_a_script_that_fails_shows_why_and_leaves_no_output(
    service: Service, study: dict[str, Any]
) -> None:
    code = 'cp "$f1" "$o1"\necho something is wrong >&2\nexit 3\n'
    args = [file_arg(), out_arg("bad/broken.nii TAG(bad)")]
    job = {"name": "fails", "language": "bash", "code": code, "args": args}
    rows = ended(service, submit(service, study["psid"], job)["key"])
    assert rows[0]["letter"] == "e"
    assert "3" in rows[0]["why"]
    detail = service.get(f"/jobs/{rows[0]['key']}")
    assert detail["attempts"][0]["code"] == 3
    assert "something is wrong" in service.get(f"/jobs/{rows[0]['key']}/log")["text"]
    assert not service.items("/projects/default/files", files="*broken*")


def test_a_pattern_without_match_is_told_and_not_started(
    service: Service, study: dict[str, Any], tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    job = {
        "name": "nothing",
        "language": "bash",
        "code": f'echo "$f1" > "{mark}"',
        "args": [file_arg("*no such file*")],
    }
    answer = submit(service, study["psid"], job)
    assert answer["unresolved"][0]["psid"] == study["psid"]
    assert answer["unresolved"][0]["problem"]
    rows = ended(service, answer["key"])
    assert rows[0]["letter"] in "ek"
    assert rows[0]["why"]
    assert not mark.exists()
    tried = submit(service, study["psid"], job, dry_run=True)
    assert tried["rows"][0]["problem"]


def test_a_job_can_be_killed_with_its_children(
    service: Service, study: dict[str, Any], tmp_path: Path
) -> None:
    mark = tmp_path / "ended"
    code = f'echo started\n(sleep 30; echo late > "{mark}") &\nwait\n'
    job = {"name": "long", "language": "bash", "code": code, "args": []}
    key = submit(service, study["psid"], job)["key"]

    def running() -> dict[str, Any] | None:
        rows = service.items("/jobs", project="default", batch=key, state="all")
        return rows[0] if rows and rows[0]["letter"] == "r" else None

    row = wait_until(running, "the job runs", show=service.log)
    wait_until(lambda: "started" in service.get(f"/jobs/{row['key']}/log")["text"], "its log")
    service.post(f"/jobs/{row['key']}/cancel")
    assert ended(service, key)[0]["letter"] == "k"
    assert not mark.exists()


def test_IMP_03_an_import_is_seen_among_the_jobs(service: Service, study: dict[str, Any]) -> None:
    key = service.upload("Doe_Jane.bin", b"no image")["key"]
    service.closed(key)
    rows = service.items("/jobs", project="default", state="e", search="DPXimport")
    row = next(row for row in rows if row["key"] == key)
    assert (row["name"], row["queue"], row["batch_key"]) == ("import (upload)", "DPXimport", None)
    done = service.items("/jobs", search=f"{study['psid']} import")
    assert [(one["letter"], one["psid"]) for one in done] == [("d", study["psid"])]
    log = service.get(f"/jobs/{key}/log")
    assert log["done"]
    assert "1  quarantined: not DICOM" in log["text"]
    shown = service.get(f"/jobs/{key}")
    assert shown["spec"]["files"][0]["n"] == 1
    assert "Doe" not in f"{row}{log}{shown}"
    refused = service.http.post(f"/jobs/{key}/cancel")
    assert refused.status_code == 409
    assert "Arrivals" in refused.json()["hint"]
    service.post(f"/jobs/{key}/retry")
    assert service.closed(key)["state"] == "failed"
    actions = {"keys": [key, done[0]["key"]], "action": "dismiss"}
    assert service.post("/jobs/actions", actions)["n"] == 2
    assert not service.items("/jobs", search="DPXimport")
    assert service.receipt(key)["state"] == "failed"


def test_select_prints_paths_of_files(service: Service, study: dict[str, Any]) -> None:
    done = service.nora("-p", "default", "--select", "*t1*.nii")
    assert done.returncode == 0, done.stderr
    paths = io.StringIO(done.stdout).read().split()
    assert paths
    assert all(Path(path).is_file() for path in paths)

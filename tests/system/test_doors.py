"""What arrives through each door is converted, catalogued and can be fetched again."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from appliance.upkeep.demo_dicom import MadePatient
from tests.support.needs import needs
from tests.support.samples import OBLIQUE, blob, tiny_series, zip_of
from tests.support.service import Service
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system


def person(n: int) -> MadePatient:
    """Another made-up person for each door."""
    return MadePatient(f"DEMO^NUMBER{n}", f"DEMO-9{n:03d}", "19700101", "O", f"202401{n:02d}")


def images(service: Service, study: dict[str, Any]) -> list[dict[str, Any]]:
    """Images of a study."""
    rows = service.items("/projects/default/files", study_id=study["id"])
    return [row for row in rows if row["kind"] == "image"]


def study_of(service: Service, date: str) -> dict[str, Any]:
    """The study of a date, once it is there."""

    def look() -> dict[str, Any] | None:
        rows = service.items("/projects/default/studies")
        found = [row for row in rows if str(row["date"]).replace("-", "") == date]
        return found[0] if found else None

    return wait_until(look, f"a study of {date}", within_s=60, show=service.log)


def assert_same_image(service: Service, row: dict[str, Any]) -> None:
    """The image in the catalog has every voxel of the made series in its place in the world."""
    answer = service.http.get(row["content_url"].removeprefix("/api/v1"))
    assert answer.status_code == 200
    image = nib.Nifti1Image.from_bytes(answer.content)
    stored = np.asanyarray(image.dataobj)
    made = blob()
    ijk = np.argwhere(made > 0)
    world = nib.affines.apply_affine(OBLIQUE, ijk)
    at = nib.affines.apply_affine(np.linalg.inv(image.affine), world)
    assert np.abs(at - at.round()).max() < 1e-3
    assert np.array_equal(stored[tuple(at.round().astype(int).T)], made[tuple(ijk.T)])


def assert_one_good_study(service: Service, date: str) -> None:
    """One study with one image, a sidecar and a preview, without the person's identity."""
    study = study_of(service, date)
    rows = images(service, study)
    assert len(rows) == 1
    assert rows[0]["header"]["n_volumes"] == 1
    assert_same_image(service, rows[0])
    kinds = {r["kind"] for r in service.items("/projects/default/files", study_id=study["id"])}
    assert "json" in kinds
    preview = service.http.get(rows[0]["preview_url"].removeprefix("/api/v1"))
    assert preview.content.startswith(b"\x89PNG")
    assert "DEMO" not in str(study) + str(rows)


def test_a_dropped_folder_is_taken_and_catalogued(service: Service, tmp_path: Path) -> None:
    tiny_series(tmp_path / "new", patient=person(1))
    before = len(service.receipts())
    shutil.move(tmp_path / "new", service.folder.drop / "from the scanner")
    service.settled(before + 1)
    assert_one_good_study(service, "20240101")
    wait_until(lambda: not list(service.folder.drop.rglob("*.dcm")), "the drop folder is empty")
    original = list(service.folder.originals.rglob("*"))
    assert sum(path.is_file() for path in original) >= 12


def test_a_series_sent_by_dcmtk_is_acknowledged_and_catalogued(
    service: Service, tmp_path: Path
) -> None:
    storescu = needs("storescu")
    paths = tiny_series(tmp_path / "new", patient=person(2))
    before = len(service.receipts())
    command = [storescu, "-aec", "NORA", "127.0.0.1", str(service.dicom_port), *map(str, paths)]
    sent = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert sent.returncode == 0, sent.stderr
    service.settled(before + 1)
    assert_one_good_study(service, "20240102")


def test_the_listener_answers_an_echo(service: Service) -> None:
    command = [needs("echoscu"), "-aec", "NORA", "127.0.0.1", str(service.dicom_port)]
    assert subprocess.run(command, timeout=30, check=False).returncode == 0


def test_an_uploaded_zip_is_catalogued(service: Service, tmp_path: Path) -> None:
    paths = tiny_series(tmp_path / "new", patient=person(3))
    receipt = service.closed(service.upload("export.zip", zip_of(paths))["key"])
    assert receipt["state"] == "done", receipt
    assert receipt["n_files"] == receipt["n_done"] == len(paths)
    assert_one_good_study(service, "20240103")


def test_a_single_file_uploaded_to_a_study_is_found_there(service: Service) -> None:
    image = nib.Nifti1Image(blob((9, 10, 11)), np.diag([2.0, 2, 2, 1]))
    body = io.BytesIO(image.to_bytes()).getvalue()
    answer = service.upload("mask of brain.nii", body, subject="S-0077", study="20240104")
    receipt = service.closed(answer["key"])
    assert receipt["state"] == "done", receipt
    rows = service.items("/projects/default/files", files="mask*")
    assert [row["psid"] for row in rows] == ["S-0077#20240104"]
    assert service.http.get(rows[0]["content_url"].removeprefix("/api/v1")).content == body


def test_the_command_line_imports_a_folder_and_leaves_it_alone(
    service: Service, tmp_path: Path
) -> None:
    paths = tiny_series(tmp_path / "mine", patient=person(5))
    done = service.nora("-p", "default", "--import", str(tmp_path / "mine"))
    assert done.returncode == 0, done.stderr
    service.settled()
    assert_one_good_study(service, "20240105")
    assert all(path.exists() for path in paths)


def test_the_same_series_again_is_a_duplicate_and_makes_no_second_study(
    service: Service, tmp_path: Path
) -> None:
    paths = tiny_series(tmp_path / "new", patient=person(6))
    service.closed(service.upload("first.zip", zip_of(paths))["key"])
    second = service.closed(service.upload("second.zip", zip_of(paths))["key"])
    assert second["n_duplicate"] == len(paths)
    study = study_of(service, "20240106")
    assert len(images(service, study)) == 1


def test_a_second_series_of_the_visit_joins_its_study(service: Service, tmp_path: Path) -> None:
    first = tiny_series(tmp_path / "a", patient=person(7), number=2)
    late = tiny_series(tmp_path / "b", patient=person(7), number=3, description="t2_tse")
    service.closed(service.upload("a.zip", zip_of(first))["key"])
    service.closed(service.upload("b.zip", zip_of(late))["key"])
    study = study_of(service, "20240107")
    assert {row["series"]["number"] for row in images(service, study)} == {2, 3}

"""ROIs from elsewhere in the running service: dropped documents, and files that programs edit."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from appliance.client import Client
from appliance.formats import Label, write_segmentation, write_structures
from appliance.geometry import Volume
from tests.support.samples import OBLIQUE, tiny_series
from tests.support.service import Service
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system

SHAPE = (28, 24, 12)


def same_person(objects: list[Path]) -> dict[str, str]:
    """Whom the images show, so that the documents are of the same subject."""
    import pydicom

    ds = pydicom.dcmread(objects[0], stop_before_pixels=True)
    words = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate")
    return {word: str(ds.get(word, "")) for word in words}


def drawn() -> Volume:
    data = np.zeros(SHAPE, np.uint8)
    data[5:12, 6:15, 3:8] = 1
    return Volume(data, OBLIQUE)


def test_documents_in_the_drop_folder_wait_for_their_images_and_edits_outlive_the_service(
    tmp_path: Path,
) -> None:
    objects = tiny_series(tmp_path / "series", shape=SHAPE)
    service = Service(tmp_path / "data").start()
    try:
        for name, writer in (("seg", write_segmentation), ("rtstruct", write_structures)):
            made = tmp_path / f"{name}.dcm"
            with made.open("wb") as stream:
                writer(
                    stream, objects, drawn(), [Label(1, "spot", "#ff0000")], same_person(objects)
                )
            made.rename(service.folder.drop / made.name)
        waits = "the series it was drawn on is not here"
        wait_until(lambda: reasons(service) == [waits, waits], "both wait", show=service.log)
        for path in objects:
            path.rename(service.folder.drop / path.name)
        with Client(socket=service.folder.socket_path) as nora:
            masks = wait_until(lambda: two(nora), "both became masks", show=service.log)
            for one in masks:
                image = nibabel.load(one.absolute_path)
                assert np.count_nonzero(image.dataobj) == drawn().data.sum()
            image = nora.select("default", "t1*/s001.nii")[0]
            row = nora.file(image.file_id)
            mask = np.zeros(nibabel.load(image.absolute_path).shape, bool)
            mask[3:6, 3:6, 3:6] = True
            roi = nora.save_roi(row.study_id, "a.nii.gz", mask, reference=row, tags=["mask"])
            taken = nora.check_out(roi["file"]["id"], "itksnap")
        service.stop()
        copy = f"{taken['folder']}/{taken['name']}"
        found = nibabel.load(copy)
        data = np.asarray(found.dataobj).copy()
        data[0, 0, 0] = 1
        nibabel.save(nibabel.Nifti1Image(data, found.affine, found.header), copy)
        service.start()
        with Client(socket=service.folder.socket_path) as nora:
            versions = wait_until(
                lambda: v if len(v := nora.versions(roi["file"]["id"])) == 2 else None,
                "what was saved meanwhile is a version",
                show=service.log,
            )
            assert versions[0]["note"] == "ITK-SNAP, from version 1"
            assert nora.roi(roi["file"]["id"])[0, 0, 0]
    finally:
        service.stop()


def reasons(service: Service) -> list[str]:
    found = []
    for receipt in service.items("/receipts"):
        told = service.http.get(f"/receipts/{receipt['key']}").json()
        found += [item["reason"] for item in told["items"] if item["reason"]]
    return found


def two(nora: Client) -> list:
    found = nora.select("default", "FTAG:mask & *s001.nii.gz")
    return found if len(found) == 2 else []

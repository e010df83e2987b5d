"""Editing elsewhere from the command line: taken, changed by a program, checked in, released."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import nibabel
import numpy as np
import pytest

from appliance.client import Client
from tests.cli.shell import Shell, use_server
from tests.web_api.test_rois import SHAPE, mask, put_image


class Verbs(Shell):
    """Verbs take the project after their name."""

    def __call__(self, *words):
        code, out, err = self.run(words[0], "-p", self.project, *words[1:])
        assert code == 0, err
        return out


@pytest.fixture
def nora(works, capsys, monkeypatch):
    use_server(monkeypatch, works)
    return Verbs(capsys, works.services, "default", "S-0001#2024")


@pytest.fixture
def roi(works) -> dict:
    """A mask that nobody has saved before."""
    image, study = put_image(works, "edit/t1.nii")
    with Client(socket=works.socket) as client:
        name = f"edit/{os.urandom(4).hex()}.nii.gz"
        row = client.file(image)
        return client.save_roi(study, name, mask(), reference=row, tags=["mask"])["file"]


def save(path: str, value: int = 0) -> np.ndarray:
    """Write other voxels, as a program does."""
    found = nibabel.load(path)
    data = np.asarray(found.dataobj).copy()
    data[0, 0, 0] = 1 - data[0, 0, 0] if value == 0 else value
    nibabel.save(nibabel.Nifti1Image(data, found.affine, found.header), path)
    return data


def test_a_file_is_checked_out_edited_checked_in_and_released(nora, roi, works) -> None:
    target = nora.path(roi["path"])
    copy, command = nora.lines("checkout", target, "--for", "itksnap")
    assert shlex.split(command)[0] == "itksnap"
    assert copy in command
    assert nora("checkin") == ""
    data = save(copy)
    assert "version 2" in nora("checkin", "--note", "one voxel")
    assert np.array_equal(np.asarray(nibabel.load(target).dataobj), data)
    with Client(socket=works.socket) as client:
        first, *_ = client.versions(roi["id"])
    assert first["note"] == "ITK-SNAP, from version 1: one voxel"
    (listed,) = [row for row in nora.rows("checkout", "--list", "--json") if row["folder"] in copy]
    assert (listed["path"], listed["state"]) == (roi["path"], "open")
    save(copy)
    code, _, error = nora.run("checkout", "-p", "default", "--release", listed["key"])
    assert (code, "not checked in" in error) == (2, True)
    assert "released" in nora("checkout", "--release", copy, "--discard")
    assert not Path(copy).exists()
    assert nora.run("checkin", "-p", "default", listed["key"])[0] == 2


def test_what_somebody_changed_meanwhile_is_refused_and_kept(nora, roi, works) -> None:
    words = ["S-0001#2024", roi["path"], "--json"]
    row = nora.rows("checkout", *words)
    assert row["command"] == ""
    copy = f"{row['folder']}/{row['name']}"
    with Client(socket=works.socket) as client:
        known = client.file(roi["id"])
        client.save_roi(
            known.study_id, roi["path"], mask(5), reference=known, version=known.version
        )
    save(copy)
    code, _, error = nora.run("checkin", "-p", "default", row["key"])
    assert (code, "changed by" in error) == (2, True)
    (told,) = [one for one in nora.rows("checkout", "--list", "--json") if one["key"] == row["key"]]
    assert told["state"] == "conflict"
    (done,) = nora.rows("checkin", row["key"], "--new-name", "--json")
    assert done["saved"]["file"]["path"] == roi["path"].replace(".nii.gz", "_1.nii.gz")
    nora("checkout", "--release", row["key"])


def test_a_copy_on_another_grid_is_refused_or_a_file_of_its_own(nora, roi) -> None:
    copy = nora.lines("checkout", nora.path(roi["path"]))[0]
    data = np.ones([n + 1 for n in SHAPE], np.uint8)
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), copy)
    code, _, error = nora.run("checkin", "-p", "default", copy)
    assert (code, "another grid" in error) == (2, True), error
    assert "_edited.nii.gz" in nora("checkin", copy, "--new-file")
    nora("checkout", "--release", copy)


def test_a_program_that_is_not_here_and_files_that_are_not_one_are_told(
    nora, roi, monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out, error = nora.run(
        "checkout", "-p", "default", nora.path(roi["path"]), "--for", "fsleyes", "--open"
    )
    assert (code, "not on this machine" in error) == (2, True)
    assert "fsleyes" in out
    for words in (["*"], ["none.nii"], []):
        assert nora.run("checkout", "-p", "default", *words)[0] == 2
    nora("checkout", "--release", out.splitlines()[0])
    assert roi["path"] not in {
        row["path"] for row in json.loads(nora("checkout", "--list", "--json"))
    }

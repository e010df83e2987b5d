"""Where the names of an atlas come from."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from appliance.core import NotFound
from appliance.formats import Label, read_reference, write_roi
from appliance.viewing import LabelTable, label_table


def atlas(path: Path) -> Path:
    nib.save(nib.Nifti1Image(np.arange(27, dtype=np.int16).reshape(3, 3, 3), np.eye(4)), path)
    return path


def names(table: LabelTable) -> list[tuple[int, str]]:
    return [(one.value, one.name) for one in table.labels]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("parc.json", '{"3": "three"}'),
        ("parc.tsv", "index\tname\n3\tthree\n"),
        ("parc.ctab", "3 three 1 2 3 0\n"),
        ("parc_labels.txt", "3 three\n"),
        ("parc_LUT.txt", "3 three 1 2 3 0\n"),
    ],
)
def test_VIEW_x05_a_table_beside_the_atlas_names_its_labels(
    tmp_path: Path, table: str, text: str
) -> None:
    path = atlas(tmp_path / "parc.nii.gz")
    (tmp_path / table).write_text(text)
    found = label_table(path)
    assert (names(found), found.source, found.problem) == ([(3, "three")], table, "")


def test_a_shared_bids_table_names_the_labels(tmp_path: Path) -> None:
    path = atlas(tmp_path / "sub-01_desc-aseg_dseg.nii.gz")
    (tmp_path / "desc-aseg_dseg.tsv").write_text("index\tname\n3\tthree\n")
    assert names(label_table(path)) == [(3, "three")]


def test_the_header_names_them_where_no_table_is(tmp_path: Path) -> None:
    path = atlas(tmp_path / "x.nii")
    made = tmp_path / "labelled.nii"
    data = np.ones((3, 3, 3), np.uint8)
    with made.open("wb") as stream:
        write_roi(stream, made.name, data, read_reference(path), [Label(1, "one", "#010203")])
    found = label_table(made)
    assert (names(found), found.source) == ([(1, "one")], "header")


def test_freesurfers_files_have_freesurfers_names(tmp_path: Path) -> None:
    path = atlas(tmp_path / "aparc+aseg.mgz.nii")
    found = label_table(path)
    assert (17, "Left-Hippocampus") in names(found)
    assert found.source == "FreeSurfer"


def test_a_sidecar_of_dicom_facts_is_no_table_and_no_problem(tmp_path: Path) -> None:
    path = atlas(tmp_path / "seg.nii")
    (tmp_path / "seg.json").write_text('{"Modality": "MR"}')
    assert label_table(path) == LabelTable(labels=[])


def test_a_damaged_table_is_told_and_another_is_used(tmp_path: Path) -> None:
    path = atlas(tmp_path / "seg.nii")
    (tmp_path / "seg.tsv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "seg.txt").write_text("1 one\n")
    found = label_table(path)
    assert names(found) == [(1, "one")]
    (tmp_path / "seg.txt").unlink()
    assert "seg.tsv" in label_table(path).problem


def test_an_atlas_that_is_gone_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        label_table(tmp_path / "x.nii")

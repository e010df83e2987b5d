"""A series of volumes with gaps: the complete ones become an image, nothing is lost or mixed up."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from appliance.exchange.incomplete import whole_volumes
from tests.exchange.kit import write_series

N_SLICES, N_VOLUMES = 6, 3


def write_volumes(folder: Path, *, slice_first: bool = True, acquisitions: bool = True) -> None:
    """Three volumes of six slices, numbered in one of the two ways; values tell the volume."""
    for t in range(N_VOLUMES):
        for k in range(N_SLICES):
            number = t * N_SLICES + k if slice_first else k * N_VOLUMES + t
            [path] = write_series(
                folder / "made",
                n=1,
                first=k,
                value=1000 * t,
                SOPInstanceUID=f"1.2.826.0.1.3680043.10.999.7.{t}.{k + 1}",
                InstanceNumber=number + 1,
                AcquisitionNumber=t + 1 if acquisitions else 1,
                AcquisitionTime=f"1011{12 + 2 * t:02d}",
                MRAcquisitionType="2D",
            )
            path.rename(folder / f"{t}_{k}.dcm")


def test_one_missing_slice_leaves_out_its_volume_and_a_late_one_completes_it(kit, tmp_path):
    write_volumes(tmp_path)
    late = tmp_path / "late"
    late.mkdir()
    (tmp_path / "1_2.dcm").rename(late / "1_2.dcm")
    all_but_one = tmp_path / "in"
    all_but_one.mkdir()
    for path in tmp_path.glob("*.dcm"):
        path.rename(all_but_one / path.name)
    receipt = kit.take_in(all_but_one)
    assert (receipt.state, receipt.n_quarantined) == ("done", 0)
    assert "1 of 3 volumes lacks slices" in receipt.items[0].reason
    assert len(kit.originals()) == N_SLICES * N_VOLUMES - 1
    [row] = kit.images().values()
    assert row.header["n_volumes"] == 2
    pid, _, sid = row.psid.partition("#")
    image = nib.load(kit.folder.projects / "default" / pid / sid / row.path)
    values = np.asanyarray(image.dataobj)
    assert [int(values[..., t].min()) // 1000 for t in range(2)] == [0, 2]
    kit.take_in(late)
    assert {row.header["n_volumes"] for row in kit.images().values()} == {3}


@pytest.mark.parametrize("slice_first", [True, False])
def test_volumes_are_told_by_instance_numbers(tmp_path: Path, slice_first: bool) -> None:
    write_volumes(tmp_path, slice_first=slice_first, acquisitions=False)
    assert whole_volumes(tmp_path) is None  # nothing is missing
    (tmp_path / "2_5.dcm").unlink()
    found = whole_volumes(tmp_path)
    assert found is not None
    assert {path.name[0] for path in found.paths} == {"0", "1"}
    assert len(found.paths) == 2 * N_SLICES


def test_where_it_cannot_be_told_nothing_is_guessed(tmp_path: Path) -> None:
    write_volumes(tmp_path, acquisitions=False)
    for k in range(3):
        (tmp_path / f"{k}_{k}.dcm").unlink()
    assert whole_volumes(tmp_path) is None  # no volume is whole
    (tmp_path / "note.txt").write_text("not DICOM")
    assert whole_volumes(tmp_path) is None

"""The image tools, run as the jobs run them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import nilearn
import numpy as np
import pytest

from appliance.formats import read_header, read_volume, write_nifti
from appliance.geometry import Volume
from appliance.jobs import ToolBox, render_command
from appliance.viewing import TOOLS

REPOSITORY = Path(__file__).parents[2]
DATA = Path(nilearn.__file__).parent / "datasets" / "data"
MNI_T1 = DATA / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


def run(tool_id: str, **values: str | list[str]) -> subprocess.CompletedProcess[str]:
    tool = ToolBox(TOOLS).get(tool_id)
    given = {name: [value] if isinstance(value, str) else value for name, value in values.items()}
    command = render_command(tool.command, tool.args, given)
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=env
    )


def test_every_tool_is_in_the_menu_and_names_its_outputs() -> None:
    box = ToolBox(TOOLS)
    names = [tool.name for tool in box.tools()]
    assert {"ROI statistics", "Smooth", "Brain mask"} <= set(names)
    assert names.index("ROI statistics") < names.index("Smooth") < names.index("Brain mask")
    for tool in TOOLS:
        assert tool.description
        assert [arg for arg in tool.args if arg.kind in ("OUT", "PATHOUT") and arg.value]
        assert [arg for arg in tool.args if arg.kind == "FILE"]


def test_brain_mask_writes_a_mask_on_the_grid_of_the_image(tmp_path: Path) -> None:
    target = tmp_path / "derived" / "brain_mask.nii"
    done = run("imaging.brain_mask", image=str(MNI_T1), mask=str(target))
    assert done.returncode == 0, done.stderr
    assert "mL" in done.stdout
    header = read_header(target)
    assert header["dtype"] == "uint8"
    assert header["shape"] == read_header(MNI_T1)["shape"]
    assert 1500 < read_volume(target).data.sum() / 1000 < 2100


def test_roi_statistics_writes_keys_for_the_table_of_meta_data(tmp_path: Path) -> None:
    image = Volume(np.arange(64.0).reshape(4, 4, 4), np.diag([2.0, 2, 2, 1]))
    roi = image.like((image.data >= 60).astype(np.uint8))
    (tmp_path / "other").mkdir()
    paths = [tmp_path / "mask.nii.gz", tmp_path / "lesion.nii", tmp_path / "other" / "mask.nii"]
    write_nifti(tmp_path / "t1.nii", image)
    for path in paths:
        write_nifti(path, roi)
    target = tmp_path / "META" / "roi_statistics.json"
    done = run(
        "imaging.roi_statistics",
        image=str(tmp_path / "t1.nii"),
        roi=[str(path) for path in paths],
        out=str(target),
    )
    assert done.returncode == 0, done.stderr
    table = json.loads(target.read_bytes())
    assert set(table) == {"mask", "lesion", "mask_2"}
    assert table["mask"]["volume"] == pytest.approx(0.032)
    assert table["mask"]["mean"] == pytest.approx(61.5)
    assert "series" not in table["mask"]


def test_roi_statistics_of_one_roi_over_time(tmp_path: Path) -> None:
    bold = Volume(np.stack([np.full((3, 3, 3), t, np.float32) for t in (5, 6)], -1), np.eye(4))
    write_nifti(tmp_path / "bold.nii", bold)
    write_nifti(tmp_path / "roi.nii", Volume(np.ones((3, 3, 3), np.uint8), np.eye(4)))
    target = tmp_path / "out.json"
    done = run(
        "imaging.roi_statistics",
        image=str(tmp_path / "bold.nii"),
        roi=str(tmp_path / "roi.nii"),
        out=str(target),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(target.read_bytes())["roi"]["series"]["mean"] == [5, 6]


def test_smooth_keeps_the_place_of_the_image(tmp_path: Path) -> None:
    target = tmp_path / "smoothed.nii"
    done = run("imaging.smooth", image=str(MNI_T1), out=str(target), fwhm_mm="6")
    assert done.returncode == 0, done.stderr
    before, after = read_header(MNI_T1), read_header(target)
    assert after["affine"] == before["affine"]
    assert after["facts"]["sform_code"] == before["facts"]["sform_code"]
    assert read_volume(target).data.std() < read_volume(MNI_T1).data.std()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image": "missing.nii", "out": "o.nii", "fwhm_mm": "4"}, "there is no file missing.nii"),
        ({"image": str(MNI_T1), "out": "o.nii", "fwhm_mm": "wide"}, "not a number"),
        ({"image": str(MNI_T1), "out": "o.nii", "fwhm_mm": "-4"}, "length in millimetres"),
        ({"image": str(MNI_T1)}, "usage: smooth"),
    ],
)
def test_mistakes_end_with_a_message_and_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("imaging.smooth", **values)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o.nii").exists()


def test_the_face_is_taken_out_into_a_new_image_that_says_so(tmp_path: Path) -> None:
    target = tmp_path / "derived" / "t1_defaced.nii"
    before = MNI_T1.read_bytes()
    done = run("imaging.remove_face", image=str(MNI_T1), out=str(target), margin="5")
    assert done.returncode == 0, done.stderr
    assert json.loads(target.with_suffix(".json").read_bytes())["FaceRemoved"] is True
    assert read_volume(target).data.shape == read_volume(MNI_T1).data.shape
    assert MNI_T1.read_bytes() == before

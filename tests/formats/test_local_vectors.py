"""The service reads the files of local.json as the page does (webui/src/viewer/local)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.core import FormatError
from appliance.formats import read_dicom_volume, read_volume

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "local.json").read_text()
)


def read(case: dict[str, Any], folder: Path) -> Any:
    """Lay out the files of a case and read them."""
    for file in case["files"]:
        (folder / file["name"]).write_bytes(base64.b64decode(file["data"]))
    paths = sorted(folder.iterdir())
    if paths[0].suffix == ".dcm":
        return read_dicom_volume(paths)
    return read_volume(paths[0], case.get("part", "magnitude"))


@pytest.mark.parametrize(
    "case", [one for one in CASES if "error" not in one], ids=lambda case: case["name"]
)
def test_VIEW_04_the_service_finds_the_same_image(case: dict[str, Any], tmp_path: Path) -> None:
    volume = read(case, tmp_path)
    assert list(volume.data.shape) == case["shape"]
    assert np.allclose(volume.affine, case["affine"], atol=1e-5)
    assert np.allclose(volume.data.ravel(order="F"), case["values"], atol=1e-5)


@pytest.mark.parametrize(
    "case",
    [one for one in CASES if "error" in one and one["name"] != "a packed object"],
    ids=lambda case: case["name"],
)
def test_the_service_refuses_what_is_damaged(case: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        read(case, tmp_path)

"""What the catalog is told of a file, strictly at the door and leniently elsewhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from appliance.core import FormatError
from appliance.formats import file_facts, write_nifti
from appliance.geometry import Volume


def test_facts_of_an_image(tmp_path: Path) -> None:
    path = tmp_path / "t1.nii"
    write_nifti(path, Volume(np.zeros((3, 4, 5), np.int16), np.diag([1.0, 2, 3, 1])))
    facts = file_facts(path, strict=True)
    assert (facts["kind"], facts["size_bytes"]) == ("image", path.stat().st_size)
    assert facts["header"] is not None
    assert (facts["header"]["shape"], facts["header"]["voxel_mm"]) == ([3, 4, 5], [1.0, 2.0, 3.0])
    assert facts["doc"] is None


def test_values_that_json_does_not_know_become_null(tmp_path: Path) -> None:
    path = tmp_path / "radiomics.json"
    path.write_text('{"mask": {"volume": NaN, "area": -Infinity, "n": 3}}')
    doc = file_facts(path, strict=True)["doc"]
    assert doc == {"mask": {"volume": None, "area": None, "n": 3}}
    json.dumps(doc, allow_nan=False)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.json", b'{"a": '),
        ("deep.json", b"[" * 200_000),
        ("latin.json", b'{"a": "\xe9"}'),
        ("cut.nii", b"\x5c\x01\x00\x00" + bytes(200)),
    ],
)
def test_a_damaged_file_is_refused_or_entered_without_facts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FormatError):
        file_facts(path, strict=True)
    with caplog.at_level(logging.WARNING):
        facts = file_facts(path)
    assert facts["header"] is facts["doc"] is None
    assert "damaged" in caplog.text
    assert name not in caplog.text, "names of files may tell who a patient is"


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nothing"):
        file_facts(tmp_path / "nothing.nii")

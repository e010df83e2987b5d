"""NORA's functions under their old names (CLI-x04)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance import catalog
from appliance.client import dpx
from appliance.core import Invalid, NotFound
from tests.web_api.conftest import Site, add_file


@pytest.fixture
def folder(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Folder of a study with an image and two JSON files."""
    for name in ("NORA_URL", "NORA_TOKEN", "NORA_STUDY", "NORA_SUBJECT", "DPXpsid", "NORA_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NORA_SOCKET", str(site.socket))
    monkeypatch.setenv("DPXproject", "default")
    for name, kind in (("t1.nii", "image"), ("a.json", "json"), ("b.json", "json")):
        add_file(site.services, name, b'{"x": 1}', kind, sid="dpx")
    return str(catalog.study_dir(site.services.folder, "default", "S-0001", "dpx"))


def test_files_are_selected(folder: str) -> None:
    assert dpx.selectFiles("S-0001#dpx *.nii") == [f"{folder}/t1.nii"]
    assert dpx.selectFiles("S-0001#dpx nothing") == []


def test_metadata_and_annotations_are_read(folder: str) -> None:
    assert [row["path"] for row in dpx.getMeta("S-0001#dpx *.json")] == ["a.json", "b.json"]
    assert dpx.loadAnnotation("S-0001#dpx a.json") == {"x": 1}
    with pytest.raises(Invalid, match="2 files"):
        dpx.loadAnnotation("S-0001#dpx *.json")
    with pytest.raises(NotFound):
        dpx.loadAnnotation("S-0001#dpx c.json")


def test_outputs_have_a_place(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dpx.getOutputLocation("S-0001#dpx out/x y.nii") == f"{folder}/out/x y.nii"
    with pytest.raises(Invalid, match="which study"):
        dpx.getOutputLocation("x.nii")
    monkeypatch.setenv("NORA_SUBJECT", "S-0001")
    monkeypatch.setenv("NORA_STUDY", "dpx")
    assert dpx.getOutputLocation("x.nii") == f"{folder}/x.nii"


def test_files_are_added_with_tags(folder: str) -> None:
    assert dpx.addFiles(f"{folder}/t1.nii", "one, two") == 1
    assert dpx.selectFiles("S-0001#dpx FTAG:two") == [f"{folder}/t1.nii"]


def test_the_catalog_is_asked(folder: str) -> None:
    assert dpx.SQL_query("SELECT 1 AS n") == [{"n": 1}]


def test_the_command_line_is_run(folder: str) -> None:
    assert dpx.nora("-s", "S-0001#dpx", "t1.nii") == f"{folder}/t1.nii\n"
    with pytest.raises(Invalid, match="matches 'absent'"):
        dpx.nora("-s", "absent")


def test_without_a_project_nothing_is_asked(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DPXproject")
    with pytest.raises(Invalid, match="which project"):
        dpx.selectFiles("*")

"""Annotations over the API and the client: saved, refused, read from Slicer, measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.client import Client
from appliance.core import Conflict, Invalid
from tests.formats.test_markers import FCSV, NORA, contains
from tests.web_api.conftest import Site, add_file
from tests.web_api.test_rois import put_image


def test_MARK_07_annotations_go_and_come_over_the_api(site: Site, tmp_path: Path) -> None:
    _, study = put_image(site, "ano/t1.nii")
    with Client(socket=site.socket) as nora:
        saved = nora.save_annotations(study, NORA["annotations"], path="annotations/m.ano.json")
        assert saved["file"]["tags"] == ["ANO"]
        file_id = saved["file"]["id"]
        found = nora.annotations(file_id)
        assert (found["format"], found["version"]) == ("nora", saved["file"]["version"])
        assert contains(found["sets"], NORA["annotations"])
        with pytest.raises(Conflict) as told:
            nora.save_annotations(study, [], path="annotations/m.ano.json")
        assert told.value.facts["changed_by"] == "owner"
        newer = nora.save_annotations(
            study, found["sets"][:1], path="annotations/m.ano.json", version=found["version"]
        )
        assert newer["version_n"] == 2
        assert len(nora.annotations(file_id, kept=1)["sets"]) == 8
        assert nora.marker_statistics(found["sets"])[1]["length_mm"] == 0
        slicer = tmp_path / "F.fcsv"
        slicer.write_text(FCSV.format(system="LPS"))
        assert nora.parse_markers(slicer)["sets"][0]["points"][0]["coords"] == [-10, 20, 30.5, 1]
        with pytest.raises(Invalid):
            nora.save_annotations(study, [{"points": [{"coords": "x"}]}])


def test_a_slicer_file_of_a_study_is_read(site: Site) -> None:
    text = FCSV.format(system="0").encode()
    file_id = add_file(site.services, "ano/F.fcsv", text, "other")
    broken = add_file(site.services, "ano/broken.ano.json", b"{}", "json")
    with site.local() as http:
        found = http.get(f"/files/{file_id}/annotations").json()
        assert (found["format"], len(found["sets"][0]["points"])) == ("fcsv", 2)
        assert http.get(f"/files/{broken}/annotations").status_code == 422

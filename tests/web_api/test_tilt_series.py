"""Slices of a tilt series through the API: for who may look, as pictures that are not kept."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.support.tomograms import make_result
from tests.web_api.conftest import Site, add_file


@pytest.fixture(scope="module")
def report(site: Site, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The id of the report of a series."""
    made = make_result(tmp_path_factory.mktemp("made"), skip=(3,))
    ids = {
        path.name: add_file(site.services, f"tomography/TS_1/{path.name}", path.read_bytes(), kind)
        for path in sorted(made.iterdir())
        if (kind := "other") and path.is_file()
    }
    return ids["report.json"]


def test_BRT_06_slices_are_told_and_sent_as_pictures(site: Site, report: int) -> None:
    with site.local() as http:
        http.timeout = 120  # the first slice may wait for loops to be compiled
        facts = http.get(f"/tilt-series/{report}/slices").json()
        assert (facts["n_tilts"], facts["nx"], facts["ny"], facts["nz"]) == (13, 48, 48, 20)
        assert facts["left_out"] == [3]
        level = http.get(f"/tilt-series/{report}/slice?axis=z&index=10&without=3")
        assert level.headers["content-type"] == "image/png"
        assert level.headers["cache-control"] == "no-store"
        assert level.headers["server-timing"].startswith("slice;dur=")
        other = http.get(f"/tilt-series/{report}/slice?axis=z&index=10&without=3,5")
        assert other.content != level.content
        across = http.get(f"/tilt-series/{report}/slice?axis=y&index=10")
        with Image.open(io.BytesIO(across.content)) as picture:
            assert picture.size == (48, 20)


def where(place: str) -> dict[str, str]:
    axis, _, index = place.partition("/")
    return {"axis": axis, "index": index}


@pytest.mark.parametrize(
    ("place", "without", "status"),
    [("z/20", "", 400), ("x/3", "", 400), ("z/3", "a", 400), ("z/3", "13", 400), ("z/-1", "", 400)],
)
def test_slices_that_are_not_there_are_refused(
    site: Site, report: int, place: str, without: str, status: int
) -> None:
    with site.local() as http:
        http.timeout = 120
        answer = http.get(
            f"/tilt-series/{report}/slice", params={**where(place), "without": without}
        )
        assert answer.status_code == status, answer.text
        assert answer.json()["detail"]


def test_only_reports_have_slices_and_only_for_who_may_look(site: Site, report: int) -> None:
    other = add_file(site.services, "notes/report.txt", b"x", "text")
    with site.local() as http:
        assert http.get(f"/tilt-series/{other}/slices").status_code == 404
        assert http.get(f"/tilt-series/{other}/slice?axis=z&index=1").status_code == 404
    with site.anonymous() as http:
        assert http.get(f"/api/v1/tilt-series/{report}/slice?axis=z&index=1").status_code == 401


def test_a_report_without_its_files_says_so(site: Site) -> None:
    alone = add_file(site.services, "elsewhere/TS_9/report.json", b"{}", "other")
    with site.local() as http:
        answer = http.get(f"/tilt-series/{alone}/slice?axis=z&index=1")
    assert answer.status_code == 404
    assert "TS_9_ali.mrc" in answer.json()["detail"]
    assert Path(answer.json()["detail"]).is_absolute() is False

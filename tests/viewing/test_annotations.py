"""Annotations: saved and kept like masks, and measured, against values worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance import viewing
from appliance.core import Invalid
from appliance.formats import check_sets
from appliance.viewing import Changed, Wanted
from tests.formats.test_markers import NORA, contains
from tests.viewing.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk.make(tmp_path)
    yield made
    made.catalog.close()


def save(desk: Desk, sets: list[dict], **more):
    path = more.pop("path", viewing.annotation_path(sets))
    wanted = Wanted(
        study_id=desk.study_id, path=path, actor="anna", origin="drawn:anna", tags=["ANO"], **more
    )
    return viewing.save_annotations(desk.catalog, desk.folder, desk.limits, wanted, sets)


def measured(kind: str, points: list, **more) -> dict:
    given = [p if isinstance(p, dict) else {"coords": p} for p in points]
    (one,) = check_sets([{"name": "x", "type": kind, "points": given, **more}])
    return viewing.marker_statistics(one)


def test_MARK_07_markers_are_saved_in_the_folder_annotations_and_come_back(desk: Desk) -> None:
    saved = save(desk, NORA["annotations"])
    assert saved.file.path == "annotations/landmarks.ano.json"
    assert saved.file.tags == ["ANO"]
    path = desk.study / saved.file.path
    found = viewing.read_annotations(path, saved.file.name)
    assert contains(found.sets, NORA["annotations"])
    assert contains(json.loads(path.read_bytes()), NORA)
    again = save(desk, found.sets, version=saved.file.version)
    assert viewing.read_annotations(path, saved.file.name).sets == found.sets
    with pytest.raises(Changed) as told:
        save(desk, found.sets, version="old")
    assert told.value.facts["suggested_path"] == "annotations/landmarks_1.ano.json"
    assert [one.n for one in viewing.list_versions(desk.folder, again.file)] == [2, 1]


def test_a_name_of_markers_ends_as_nora_ends_it(desk: Desk) -> None:
    with pytest.raises(Invalid, match=r"ano\.json|name for markers"):
        save(desk, [], path="annotations/x.json")
    assert viewing.annotation_path([{"name": "../a b"}]) == "annotations/a_b.ano.json"


def test_points_have_a_mean_and_principal_axes() -> None:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    places = rng.normal(size=(500, 3)) * [9, 4, 1] @ turn.T
    found = measured("pointset", places.tolist())
    assert found["mean_mm"] == pytest.approx(places.mean(0).tolist())
    assert found["std_mm"] == pytest.approx(places.std(0).tolist())
    lengths = [one["length_mm"] for one in found["axes"]]
    spread = np.linalg.svd(places - places.mean(0), compute_uv=False) / np.sqrt(len(places))
    assert lengths == pytest.approx(spread.tolist())
    assert abs(np.dot(found["axes"][0]["direction"], turn[:, 0])) > 0.99
    assert "axes" not in measured("pointset", [[0, 0, 0], [1, 1, 1]])
    assert measured("pointset", []) == {"name": "x", "type": "pointset", "n_points": 0}


def test_a_line_has_a_length_and_an_angle_at_every_inner_point() -> None:
    found = measured("freeline", [[0, 0, 0], [3, 0, 0], [3, 4, 0], [3, 8, 0]])
    assert found["length_mm"] == 11
    assert found["segments_mm"] == [3, 4, 4]
    assert found["angles_deg"] == pytest.approx([90, 180])
    closed = measured("freeline", [[0, 0, 0], [3, 0, 0], [3, 4, 0]], closed=True)
    assert closed["length_mm"] == 12


def test_pairs_rulers_and_diameters() -> None:
    pair = measured(
        "correspondence",
        [{"name": "target", "coords": [1, 2, 2]}, {"name": "source", "coords": [0, 0, 0]}],
    )
    assert (pair["shift_mm"], pair["length_mm"]) == ([1, 2, 2], 3)
    assert measured("ruler", [{"coords": [0, 0, 0], "dir": [3, 4]}])["length_mm"] == 5
    assert measured("3druler", [[0, 0, 0], [2, 3, 6]])["length_mm"] == 7
    circle = measured("2diameter", [[-5, 0, 0], [5, 0, 0], [0, -5, 0], [0, 5, 0]])
    assert (circle["d1_mm"], circle["d2_mm"], circle["angle_deg"]) == pytest.approx((10, 10, 90))
    assert circle["circumference_mm"] == pytest.approx(10 * np.pi)
    assert circle["area_cm2"] == pytest.approx(np.pi / 4)


def test_outlines_surfaces_boxes_and_spheres() -> None:
    square = [[0, 0, 5, 1], [10, 0, 5, 1], [10, 10, 5, 1], [0, 10, 5, 1]]
    (outline,) = measured("scribble", [{"name": "s", "subpoints": square}])["outlines"]
    assert (outline["length_mm"], outline["circumference_mm"]) == (30, 40)
    assert outline["area_cm2"] == pytest.approx(1)
    assert measured("surface", square)["area_cm2"] == pytest.approx(1)
    (box,) = measured("boxes", [{"coords": [0, 0, 0], "size": [10, 20, 30, 0]}])["boxes"]
    assert (box["size_mm"], box["volume_ml"]) == ([10, 20, 30], 6)
    (ball,) = measured("circles", [{"coords": [0, 0, 0], "size": 10}])["volumes_ml"]
    assert ball == pytest.approx(4.18879, rel=1e-5)


def test_contacts_of_a_lead_lie_at_their_distances_from_the_tip() -> None:
    ends = [{"name": "tip", "coords": [1, 1, 1]}, {"name": "end", "coords": [1, 1, 41]}]
    found = measured("electrode", ends, elecmodel="Medtronic3389")
    assert found["length_mm"] == 40
    assert [place[2] for place in found["contacts"]] == pytest.approx([3.25, 5.25, 7.25, 9.25])
    assert len(measured("electrode", ends, elecmodel="BostonOctopolar")["contacts"]) == 8
    assert measured("electrode", ends[:1]) == {"name": "x", "type": "electrode", "n_points": 1}
    with pytest.raises(Invalid, match="size"):
        measured("boxes", [{"coords": [0, 0, 0], "size": "big"}])

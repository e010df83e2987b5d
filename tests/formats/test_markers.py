"""Files of markers: NORA's own as they are, Slicer's with LPS and RAS right, damaged ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core import FormatError
from appliance.formats import check_sets, markers_json, parse_markers

NORA = {
    "annotations": [
        {
            "name": "landmarks",
            "type": "pointset",
            "isCurrent": True,
            "state": {"visible": True, "locked": 1, "defaultradius": 5, "new_key": [1]},
            "points": [
                {
                    "name": "AC",
                    "coords": [0.5, -2.25, 3, 1],
                    "coords_transformed": [1, 2, 3, 1],
                    "size": 5,
                    "color": "#FF0000",
                    "comment": "a \u00fc",
                    "visible": True,
                    "referencedImageFileID": 12,
                    "id": "landmarksP00000",
                }
            ],
        },
        {"name": "way", "type": "freeline", "points": [{"coords": [0, 0, 0, 1]}]},
        {
            "name": "pair",
            "type": "correspondence",
            "points": [
                {"name": "source", "coords": [1, 1, 1, 1], "size": 3},
                {"name": "target", "coords": [2, 1, 1, 1], "size": 15},
            ],
        },
        {
            "name": "outline",
            "type": "scribble",
            "points": [{"name": "s", "subpoints": [[0, 0, 0, 1], [1, 0, 0, 1]], "closed": True}],
        },
        {
            "name": "box",
            "type": "boxes",
            "points": [{"coords": [1, 2, 3, 1], "size": [4, 5, 6, 0], "coords_vox": [1, 2, 3]}],
        },
        {
            "name": "lead",
            "type": "electrode",
            "elecmodel": "Medtronic3389",
            "electrode_properties": {"impedance": 1000},
            "points": [
                {"name": "tip", "coords": [0, 0, 0, 1], "voltage": 2, "isContact": False},
                {"name": "end", "coords": [0, 0, 40, 1]},
            ],
        },
        {"name": "r", "type": "ruler", "points": [{"coords": [0, 0, 0, 1], "dir": [3, 4]}]},
        {"name": "d", "type": "2diameter", "points": [{"coords": [i, 0, 0, 1]} for i in range(4)]},
    ]
}


def contains(whole, part) -> bool:
    """Everything of `part` is in `whole`, which may have more keys."""
    if isinstance(part, dict):
        return all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return whole == part


def test_MARK_07_08_a_file_of_nora_comes_back_with_every_key() -> None:
    found = parse_markers("x.ano.json", json.dumps(NORA).encode())
    assert found.format == "nora"
    assert contains(found.sets, NORA["annotations"])
    again = parse_markers("x.ano.json", markers_json(found.sets))
    assert again.sets == found.sets
    written = json.loads(markers_json(found.sets))
    assert list(written) == ["annotations"]
    assert contains(written, NORA)


@pytest.mark.parametrize(
    "told",
    [
        {"content": NORA["annotations"]},
        NORA["annotations"],
        {"annotations": {"content": NORA["annotations"]}},
    ],
)
def test_the_other_shapes_that_nora_loads_are_read(told) -> None:
    assert len(parse_markers("x.ano.json", json.dumps(told).encode()).sets) == 8


def test_MARK_x01_a_point_without_a_name_is_noname_and_three_numbers_are_a_place() -> None:
    (one,) = check_sets([{"points": [{"coords": [1, 2, 3]}]}])
    assert one["type"] == "pointset"
    assert one["points"] == [{"name": "noname", "coords": [1, 2, 3, 1]}]


FCSV = """# Markups fiducial file version = 4.11
# CoordinateSystem = {system}
# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID
vtkMRMLMarkupsFiducialNode_0,10,-20,30.5,0,0,0,1,1,1,0,F-1,"a, note",vtkMRMLScalarVolumeNode1
vtkMRMLMarkupsFiducialNode_1,1,2,3,0,0,0,1,0,1,0,"x, y",,
"""


@pytest.mark.parametrize("system", ["0", "RAS", "LPS", "1"])
def test_fcsv_is_turned_from_lps_when_it_says_so(system: str) -> None:
    found = parse_markers("F.fcsv", FCSV.format(system=system).encode())
    (one,) = found.sets
    assert (found.format, one["name"], one["type"]) == ("fcsv", "F", "pointset")
    turned = system in ("LPS", "1")
    assert one["points"][0]["coords"] == ([-10, 20, 30.5, 1] if turned else [10, -20, 30.5, 1])
    assert one["points"][0]["comment"] == "a, note"
    assert (one["points"][1]["name"], one["points"][1]["visible"]) == ("x, y", False)


def test_fcsv_of_slicer_3_has_other_columns() -> None:
    text = "# Fiducial List file L.fcsv\n# columns = label,x,y,z,sel,vis\nA,1,2,3,1,1\n"
    (one,) = parse_markers("L.fcsv", text.encode()).sets
    assert one["points"][0]["coords"] == [1, 2, 3, 1]
    assert one["points"][0]["name"] == "A"


def markup(**more) -> dict:
    points = [
        {"id": "1", "label": "L-1", "position": [10, -20, 30], "positionStatus": "defined"},
        {"id": "2", "label": "L-2", "position": [0, 0, 0], "positionStatus": "undefined"},
        {"id": "3", "label": "L-3", "description": "d", "position": [1, 2, 3]},
    ]
    one = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm"}
    return {"@schema": "markups", "markups": [{**one, "controlPoints": points, **more}]}


def test_mrk_json_is_turned_and_says_what_was_left_out() -> None:
    found = parse_markers("F.mrk.json", json.dumps(markup()).encode())
    (one,) = found.sets
    assert [point["coords"] for point in one["points"]] == [[-10, 20, 30, 1], [-1, -2, 3, 1]]
    assert "1 points without a place" in found.notes[0]
    ras = parse_markers("F.mrk.json", json.dumps(markup(coordinateSystem="RAS")).encode())
    assert ras.sets[0]["points"][0]["coords"] == [10, -20, 30, 1]
    tiny = markup(coordinateUnits=["um", "um", "um"])
    scaled = parse_markers("F.mrk.json", json.dumps(tiny).encode())
    assert scaled.sets[0]["points"][0]["coords"] == pytest.approx([-0.01, 0.02, 0.03, 1])


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("Line", "freeline"), ("Angle", "freeline"), ("ClosedCurve", "freeline"), ("New", "pointset")],
)
def test_the_kinds_of_slicer_become_types_of_nora(kind: str, wanted: str) -> None:
    found = parse_markers("F.mrk.json", json.dumps(markup(type=kind)).encode())
    assert found.sets[0]["type"] == wanted
    assert found.sets[0].get("closed", False) == (kind == "ClosedCurve")


def test_a_box_of_slicer_has_a_middle_and_edges() -> None:
    box = {"center": [1, 2, 3], "size": [4, 5, 6], "orientation": [0, -1, 0, 1, 0, 0, 0, 0, 1]}
    told = markup(type="ROI", display={"selectedColor": [1, 0.5, 0]}, **box)
    found = parse_markers("R.mrk.json", json.dumps(told).encode())
    (point,) = found.sets[0]["points"]
    assert (point["coords"], point["size"]) == ([-1, -2, 3, 1], [4, 5, 6, 0])
    assert point["color"] == "#ff8000"
    assert point["orientation"] == [0, 1, 0, -1, 0, 0, 0, 0, 1]
    assert found.notes == []


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("x.ano.json", b"{}"),
        ("x.ano.json", b"not json"),
        ("x.ano.json", b'{"annotations": [{"points": [{"coords": [1, 2]}]}]}'),
        ("x.ano.json", b'{"annotations": [{"points": [{"coords": [1, 2, NaN]}]}]}'),
        ("x.ano.json", b'{"annotations": [{"points": [{"coords": ["1", "2", "3"]}]}]}'),
        ("x.ano.json", b'{"annotations": [3]}'),
        ("x.ano.json", b"[" * 100_000),
        ("x.mrk.json", b'{"markups": [{"controlPoints": [{"position": [1]}]}]}'),
        ("x.mrk.json", b'{"markups": [{"coordinateUnits": "furlong"}]}'),
        ("x.fcsv", b"a,b\n"),
        ("x.fcsv", b"\xff\xfe"),
        ("x.fcsv", b"hello"),
    ],
)
def test_damaged_files_are_refused(name: str, raw: bytes) -> None:
    with pytest.raises(FormatError):
        parse_markers(name, raw)


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_they_are_read_or_refused(raw: bytes) -> None:
    for name in ("x.ano.json", "x.mrk.json", "x.fcsv"):
        try:
            assert isinstance(parse_markers(name, raw).sets, list)
        except FormatError:
            continue

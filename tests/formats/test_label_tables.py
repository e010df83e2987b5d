"""Tables of labels as FreeSurfer, ITK-SNAP, FSL, BIDS and people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.core import FormatError
from appliance.formats import freesurfer_labels, label_color, parse_label_table, read_label_table

HIPPOCAMPUS = (17, "Left-Hippocampus", "#dcd814")


def told(text: str, suffix: str) -> list[tuple[int, str, str]]:
    return [(one.value, one.name, one.color) for one in parse_label_table(text, suffix)]


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".txt", "# comment\n0 Unknown 0 0 0 0\n17  Left-Hippocampus   220 216 20 0\n"),
        (".ctab", "17\tLeft-Hippocampus\t220\t216\t20\t0\n"),
        (".label", '0 0 0 0 0 0 0 "Clear"\n   17  220 216 20  1  1  1  "Left-Hippocampus"\n'),
        (".tsv", "index\tname\tcolor\n17\tLeft-Hippocampus\t#DCD814\n"),
        (".csv", "label;region;r;g;b\n17;Left-Hippocampus;220;216;20\n"),
        (".json", '{"17": {"name": "Left-Hippocampus", "color": [220, 216, 20]}}'),
        (".json", '{"labels": [{"id": 17, "name": "Left-Hippocampus", "color": "dcd814"}]}'),
        (".json", '[{"value": 17, "label": "Left-Hippocampus", "rgb": [0.8627, 0.847, 0.0784]}]'),
    ],
    ids=["lut", "ctab", "snap", "bids", "csv", "json", "json-list", "json-unit"],
)
def test_VIEW_x05_tables_of_every_habit_say_the_same(suffix: str, text: str) -> None:
    assert told(text, suffix) == [HIPPOCAMPUS]


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".txt", "1 left thing\n2, right thing\n"),
        (".csv", "1,left thing\n2,right thing\n"),
        (".tsv", "name\tvalue\nleft thing\t1\nright thing\t2\n"),
        (".json", '{"1": "left thing", "2": "right thing"}'),
        (".xml", '<atlas><label index="0">left thing</label><label index="1">right thing</label>'),
    ],
    ids=["txt", "csv", "tsv", "json", "fsl"],
)
def test_labels_without_a_colour_get_one_of_their_own(suffix: str, text: str) -> None:
    labels = told(text, suffix)
    assert [one[:2] for one in labels] == [(1, "left thing"), (2, "right thing")]
    assert [one[2] for one in labels] == [label_color(1), label_color(2)]
    assert labels[0][2] != labels[1][2]


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".json", '{"Modality": "MR", "ImageOrientationPatientDICOM": [1, 0, 0, 0, 1, 0]}'),
        (".txt", "0.1 0.2\n"),
        (".tsv", "onset\tduration\n1\t2\n"),
        (".csv", ""),
    ],
    ids=["sidecar", "numbers", "events", "empty"],
)
def test_files_that_name_no_labels_say_so(suffix: str, text: str) -> None:
    with pytest.raises(FormatError, match="no labels"):
        parse_label_table(text, suffix)


def test_a_damaged_table_is_a_format_error(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{")
    with pytest.raises(FormatError):
        read_label_table(path)


def test_freesurfers_labels_have_names_and_colours() -> None:
    known = freesurfer_labels()
    assert (known[17].name, known[17].color) == HIPPOCAMPUS[1:]
    assert known[1024].name == "ctx-lh-precentral"
    assert known[2035].name == "ctx-rh-insula"
    assert all(len(one.color) == 7 for one in known.values())

"""The table of metadata: columns by key sequences, rows by study."""

from __future__ import annotations

from types import SimpleNamespace

from appliance.cli.exportmeta import meta_table


def file(psid, path, doc):
    return SimpleNamespace(psid=psid, path=path, doc=doc)


FILES = [
    file("P2#S1", "META/radio_t1.json", {"mask": {"volume": 2.5, "diameter": 3}, "note": "=1+1"}),
    file("P1#S1", "META/radio_t1.json", {"mask": {"volume": 1, "ok": True}, "list": [7, None]}),
    file("P1#S1", "image.nii", None),
]


def test_CLI_24_every_leaf_is_a_column_and_every_study_a_row():
    assert meta_table(FILES) == [
        ["subject", "study", "radio_t1.list.0", "radio_t1.list.1", "radio_t1.mask.diameter",
         "radio_t1.mask.ok", "radio_t1.mask.volume", "radio_t1.note"],
        ["P1", "S1", "7", "", "", "true", "1", ""],
        ["P2", "S1", "", "", "3", "", "2.5", "'=1+1"],
    ]  # fmt: skip


def test_CLI_26_a_star_stands_for_any_keys():
    table = meta_table(FILES, ["*.mask.volume", "radio*.note"])
    assert table[0] == ["subject", "study", "radio_t1.mask.volume", "radio_t1.note"]
    assert meta_table(FILES, ["*.nothing"])[0] == ["subject", "study"]


def test_two_files_of_one_name_in_a_study_are_two_rows():
    rows = meta_table([file("P#S", "a/m.json", {"v": 1}), file("P#S", "b/m.json", {"v": 2})])
    assert rows[1:] == [["P", "S", "1"], ["P", "S", "2"]]

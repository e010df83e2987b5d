"""Presets of autoloaders: what they are, NORA's, and what their patterns mean for a case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance import catalog, viewing
from appliance.catalog import Catalog
from appliance.core import Conflict, Invalid, NotFound, Refused
from appliance.viewing import Entry, Preset, PresetAsker, PresetDraft

ANN = PresetAsker(login="ann", edits=True)
BEN = PresetAsker(login="ben", edits=True)
EVE = PresetAsker(login="eve")
MIA = PresetAsker(login="mia", edits=True, manages=True)
IMAGES = {"entries": [{"pattern": "t1*/s*.nii"}]}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(tmp_path / "catalog.sqlite")
    opened.write(fill)
    yield opened
    opened.close()


def fill(tx: catalog.Tx) -> None:
    project = catalog.ensure_project(tx, "heads")

    def put(pid: str, sid: str, date: str, files: dict[str, str]) -> None:
        subject = catalog.ensure_subject(tx, project.id, pid)
        study = catalog.ensure_study(tx, subject, sid, date=date)
        for path, kind in files.items():
            made = catalog.add_file(tx, study, path, size_bytes=1, mtime_ns=1, kind=kind)
            if kind == "mask":
                catalog.tag(tx, "file", [made], add=["mask", "tumor"])

    image = {"t1_mprage_4/s001.nii": "image", "t1_mprage_4/s001.json": "json"}
    put("S-1", "a", "2024-01-01", {**image, "rois/tumor.nii.gz": "mask"})
    put("S-1", "b", "2024-06-01", image)
    put("S-2", "a", "2024-02-01", {"t1_mprage_9/s002.nii": "image", "x.ano.json": "json"})
    put("ANALYSIS", "MNI", "2020-01-01", {"template/mni.nii": "image"})


def entry(pattern: str, **facts: Any) -> Entry:
    intent = facts.pop("intent", {})
    doc = {"entries": [{"pattern": pattern, "intent": intent, **facts}, {"pattern": "x"}]}
    preset, _ = viewing.read_preset(doc)
    return preset.entries[0]


def found(kept: Catalog, case: str, *entries: Entry, level: Any = "auto") -> list[Any]:
    with kept.read() as con:
        project_id = catalog.get_project(con, "heads").id
        one = viewing.find_case(con, project_id, case, level)
        return viewing.case_files(con, project_id, one, entries, "ann")


def paths(kept: Catalog, case: str, one: Entry, level: Any = "auto") -> list[str]:
    return [f"{row.psid}/{row.path}" for row in found(kept, case, one, level=level)[0].files]


def keep(kept: Catalog, who: PresetAsker, name: str, share: Any = "private") -> Any:
    preset, _ = viewing.read_preset(IMAGES)
    draft = PresetDraft(name=name, share=share, preset=preset)
    with kept.read() as con:
        project_id = catalog.get_project(con, "heads").id
    return viewing.keep_preset(kept, project_id, who, draft)


def names(kept: Catalog, who: PresetAsker) -> list[str]:
    with kept.read() as con:
        project_id = catalog.get_project(con, "heads").id
        return [one.name for one in viewing.list_presets(con, project_id, who)]


def test_AUTO_01_a_pattern_finds_the_image_of_each_case_and_not_the_json_beside_it(
    kept: Catalog,
) -> None:
    one = entry("t1_mprage*/s*")
    assert paths(kept, "S-1#a", one) == ["S-1#a/t1_mprage_4/s001.nii"]
    assert paths(kept, "S-2#a", one) == ["S-2#a/t1_mprage_9/s002.nii"]
    assert found(kept, "S-2#a", entry("t2*"))[0].n == 0
    assert found(kept, "S-2#a", entry("t1*", enabled=False))[0].n == 0


def test_AUTO_x02_one_case_is_a_study_or_a_subject_with_all_its_studies(kept: Catalog) -> None:
    one = entry("t1*/s*.nii", intent={"onmultimatches": "loadall"})
    both = ["S-1#a/t1_mprage_4/s001.nii", "S-1#b/t1_mprage_4/s001.nii"]
    assert paths(kept, "S-1", one) == both
    assert paths(kept, "S-1#b", one) == both[1:]
    assert paths(kept, "S-1#b", one, "patient") == both
    assert paths(kept, "S-1", one, "study") == both[1:]  # its latest
    with kept.read() as con:
        project_id = catalog.get_project(con, "heads").id
        for name in ("S-9", "S-1#z", ""):
            with pytest.raises(NotFound):
                viewing.find_case(con, project_id, name)


def test_AUTO_x03_several_matches_are_counted_and_the_first_is_shown_unless_all_are_wanted(
    kept: Catalog,
) -> None:
    first = found(kept, "S-1", entry("t1*/s*.nii"))[0]
    assert (len(first.files), first.n) == (1, 2)


def test_AUTO_x03_an_entry_may_be_of_another_study_such_as_a_template(kept: Catalog) -> None:
    assert paths(kept, "S-2#a", entry("*mni.nii", studies="ANALYSIS#MNI")) == [
        "ANALYSIS#MNI/template/mni.nii"
    ]
    oldest = entry("t1*/s*.nii", studies="[selectionpatient]#OLDEST")
    assert paths(kept, "S-1#b", oldest) == ["S-1#a/t1_mprage_4/s001.nii"]


@pytest.mark.parametrize(
    ("pattern", "intent", "wanted"),
    [
        ("rois/lesion.nii", {"roi": True, "autocreateroi": 1}, "rois/lesion.nii"),
        ("rois/lesion_$USER.nii.gz", {"roi": True, "autocreateroi": 1}, "rois/lesion_ann.nii.gz"),
        ("tag:lesion", {"roi": True, "autocreateroi": 1}, "roi.nii.gz"),
        ("tag:x", {"roi": True, "autocreateroi": 1, "name": "rois/n"}, "rois/n.nii.gz"),
        ("rois/lesion.nii", {"roi": True}, ""),
        ("lm*.ano.json", {"annotation": True, "autocreate_ano": {}}, "annotations/lm.ano.json"),
        (
            "tag:ANO",
            {"annotation": True, "autocreate_ano": {"name": "p"}},
            "annotations/p.ano.json",
        ),
        ("tag:ANO", {"annotation": True}, ""),
    ],
)
def test_AUTO_x04_a_missing_roi_or_annotation_is_named_by_the_pattern(
    kept: Catalog, pattern: str, intent: dict[str, Any], wanted: str
) -> None:
    one = found(kept, "S-1#b", entry(pattern, intent=intent))[0]
    assert (one.wanted, one.problem) == (wanted, "")
    assert one.n == 0


def test_AUTO_x04_what_is_there_is_loaded_and_nothing_is_made(kept: Catalog) -> None:
    made = {"roi": True, "autocreateroi": 1}
    there = found(kept, "S-1#a", entry("rois/tumor.nii", intent=made))[0]
    assert [row.path for row in there.files] == ["rois/tumor.nii.gz"]
    assert there.wanted == ""
    markers = found(kept, "S-2#a", entry("*", intent={"annotation": True}))[0]
    assert [row.path for row in markers.files] == ["x.ano.json"]


@pytest.mark.parametrize(
    "doc",
    [
        {"entries": [{"pattern": "(t1"}]},
        {"entries": [{"pattern": ""}]},
        {"entries": [{"pattern": "a", "viewports": [99]}]},
        {"entries": [{"pattern": "a", "intent": {"overlya": True}}]},
        {"entries": [{"pattern": "a", "intent": {"color": "red"}}]},
        {"entries": [{"pattern": "a", "intent": {"autocreateroi": 4}}]},
        {"entries": [{"pattern": "file:/etc/passwd"}]},
        {"entries": [{"pattern": "a", "studies": "file:/etc/passwd"}]},
        {"rating": {"marks": [{"key": "1", "tag": "a"}, {"key": "1", "tag": "b"}]}},
        {"rating": {"marks": [{"key": "0", "tag": "a"}]}},
        {"rating": {"marks": [{"key": "1", "tag": " "}]}},
        {"calcpanel": {"enabled": True, "action": "alert(1)"}},
        {"calcpanel": {"enabled": True, "action": "viewer.close"}},
        {"calcpanel": {"enabled": True, "code": "alert(1)"}},
        [],
    ],
)
def test_AUTO_x05_what_is_no_preset_or_could_never_work_is_refused(doc: Any) -> None:
    with pytest.raises((Invalid, Refused)):
        viewing.read_preset(doc)


def test_AUTO_x05_a_named_action_of_the_viewer_may_follow_but_never_code() -> None:
    preset, _ = viewing.read_preset({"calcpanel": {"enabled": True, "action": "viewer.window.2"}})
    assert preset.calcpanel.action == "viewer.window.2"


def test_AUTO_x03_a_preset_of_nora_is_read_and_its_code_left_out() -> None:
    preset, left = viewing.read_preset(
        {
            "enableAutoloaders": True,
            "autoloaderLevel": 2,
            "mainViewport": 1,
            "calcpanel": {"enabled": True, "code": "alert(1)"},
            "autoloaders": [
                {
                    "pattern": "FFilename:s*.nii FSubFolder:t1* OR FFilename:t2.nii",
                    "viewportID": "0,2",
                    "enabled": True,
                    "intent": {"cmap": "hot", "overlay": True, "slicing": [0, 2], "gl": True},
                },
                {
                    "pattern": "FTAG:mask PPIZ:ANALYSIS SStudyID:MNI",
                    "intent": {"roi": True, "color": [255, 0, 16], "autocreateroi": "0"},
                },
            ],
        }
    )
    assert (preset.enabled, preset.level, preset.main_viewport) == (True, "study", 1)
    first, second = preset.entries
    assert (first.pattern, first.viewports) == ("t1*/s*.nii t2.nii", (0, 2))
    assert (first.intent.cmap, first.intent.slicing) == ("hot", ("sagittal", "axial"))
    assert (second.pattern, second.studies) == ("tag:mask", "ANALYSIS#MNI")
    assert (second.intent.color, second.intent.autocreateroi) == ("#ff0010", 0)
    assert not preset.calcpanel.action
    assert left == ["calcpanel.code (code of a preset is never run)", "intent.gl"]


def test_AUTO_04_presets_have_names_an_owner_and_rights(kept: Catalog) -> None:
    keep(kept, ANN, "mine")
    shared = keep(kept, ANN, "for all", "read")
    keep(kept, MIA, "the project's", "standard")
    assert names(kept, ANN) == ["for all", "mine", "the project's"]
    assert names(kept, EVE) == ["for all", "the project's"]
    for who, share in ((EVE, "read"), (ANN, "standard"), (ANN, "writable")):
        with pytest.raises(Refused):
            keep(kept, who, "not mine to give", share)
    with pytest.raises(Refused):
        viewing.change_preset(kept, shared, BEN, PresetDraft(preset=Preset()), rev=None)
    with pytest.raises(Conflict):
        keep(kept, ANN, "MINE")
    assert keep(kept, BEN, "mine").owner == "ben"  # his own, which nobody else sees


def test_AUTO_x01_a_preset_is_renamed_shared_and_deleted_by_its_owner(kept: Catalog) -> None:
    one = keep(kept, MIA, "old", "writable")
    changed = viewing.change_preset(kept, one, BEN, PresetDraft(preset=Preset()), rev=one.rev)
    assert (changed.owner, changed.rev) == ("mia", one.rev + 1)
    with pytest.raises(Conflict):
        viewing.change_preset(kept, one, BEN, PresetDraft(preset=Preset()), rev=one.rev)
    with pytest.raises(Refused):
        viewing.change_preset(kept, changed, BEN, PresetDraft(name="his"), rev=None)
    named = viewing.change_preset(kept, changed, MIA, PresetDraft(name=" new  name "), rev=None)
    assert names(kept, EVE) == [named.name] == ["new name"]
    with pytest.raises(Refused):
        viewing.forget_preset(kept, named, BEN)
    operation = viewing.forget_preset(kept, named, MIA)
    assert names(kept, MIA) == []
    kept.write(lambda tx: catalog.undo(tx, operation, "mia"))
    assert names(kept, MIA) == ["new name"]


def test_AUTO_06_ratings_are_tags_of_the_case_or_of_its_first_file(kept: Catalog) -> None:
    with kept.read() as con:
        project_id = catalog.get_project(con, "heads").id
        study = catalog.find_study(con, project_id, "S-1#b")
    kept.write(lambda tx: catalog.tag(tx, "study", [study], add=["QC_good", "other"]))
    cases = ["S-1#a", "S-1#b", "S-2#a", "gone#x"]
    tags = ["qc_good", "QC_bad"]

    def rated(**facts: Any) -> list[Any]:
        with kept.read() as con:
            return viewing.case_ratings(con, project_id, cases, tags, **facts)

    assert [(one.case, one.level, one.tags) for one in rated()] == [
        ("S-1#a", "study", []),
        ("S-1#b", "study", ["QC_good"]),
        ("S-2#a", "study", []),
    ]
    subjects = rated(level="patient", entry=entry("t1*/s*.nii"))
    assert [(one.case, one.level) for one in subjects] == [("S-1", "subject"), ("S-2", "subject")]
    assert all(one.file_id for one in subjects)
    files = rated(entry=entry("rois/*.nii"), of_file=True)
    kept.write(lambda tx: catalog.tag(tx, "file", [files[0].id], add=["QC_bad"]))
    again = rated(entry=entry("rois/*.nii"), of_file=True)
    assert [(one.level, one.id is None, one.tags) for one in again] == [
        ("file", False, ["QC_bad"]),
        ("file", True, []),
        ("file", True, []),
    ]
    with pytest.raises(Invalid):
        rated(of_file=True)

"""The last look at what leaves finds what tells who it shows, and its report tells nothing (B5)."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import tifffile

from appliance.catalog import change_policy, get_project
from appliance.exchange import Entry, Unconfirmed
from appliance.exchange.release_look import look_over
from appliance.privacy import Identity, KnownWords
from tests.exchange.kit import Kit, write_series
from tests.formats.test_slide_attachments import jpeg, write
from tests.support.czi import attach

JANE = Identity(patient_id="QX-4711", name="DOE^JANE", birth_date="19700102", sex="F")
KNOWN = KnownWords([JANE])


def rules(*leaving: Entry) -> dict[str, list[str]]:
    found = look_over(leaving, KNOWN).findings
    return {one.rule: one.fields for one in found}


def nifti(size: int = 8, mm: float = 1.0, **texts: str) -> bytes:
    image = nibabel.Nifti1Image(np.zeros((size,) * 3, np.uint8), np.diag([mm, mm, mm, 1]))
    for name, text in texts.items():
        image.header[name] = text.encode()
    return image.to_bytes()


@pytest.mark.parametrize(
    ("path", "data", "rule"),
    [
        ("doe_t1.nii", nifti(), "name-in-path"),
        ("a/QX-4711/x.nii", nifti(), "name-in-path"),
        ("x.nii", nifti(descrip="of Jane"), "header"),
        ("x.nii.gz", gzip.compress(nifti(aux_file="02.01.1970")), "header"),
        ("x.json", b'{"Comment": ["for doe, jane"]}', "json"),
        ("x.json", b'{"a": {"PatientName": "x"}}', "json"),
        ("x.csv", b"id;remark\n1;jane is well\n", "table"),
        ("x.tsv", b"participant_id\tGeburtsdatum\n1\t\n", "telling-column"),
        ("x.csv", b"id,PatientName\n1,\n", "telling-column"),
        ("x.txt", b"scanned with Dr. Who", "personal-text"),
        ("x.txt", b"x" * 300_000 + b" anna@example.org", "personal-text"),
        ("x.log", b"opened /data/doe/1", "text"),
        ("x.png", b"", "burned-in"),
        ("x.mat", b"MATLAB", "opaque"),
        ("x.nii", b"short", "opaque"),
        ("x.json", b"{broken", "opaque"),
        ("2024-05-02/x.nii", nifti(), "dates"),
        ("t1.nii", nifti(120), "face"),
    ],
)
def test_what_tells_who_it_shows_is_found(path: str, data: bytes, rule: str) -> None:
    assert rule in rules(Entry(path, data))


@pytest.mark.parametrize(
    "leaving",
    [
        [Entry("S-0001/1/t1.nii", nifti(descrip="TE=2.3;Time=101112"))],
        [Entry("S-0001/1/t1_deface.nii", nifti(120))],
        [Entry("t1.json", b'{"FaceRemoved": true}'), Entry("t1.nii", nifti(120))],
        [Entry("t1.nii", nifti(120)), Entry("t1.json", b'{"BodyPartExamined": "KNEE"}')],
        [Entry("bold.nii", nifti(60, 3.0))],
        [Entry("participants.tsv", b"participant_id\tage\tsex\nsub-1\t34\tF\n")],
        [Entry("dwi.bval", b"0 1000 1000")],
    ],
)
def test_what_tells_nothing_is_let_pass(leaving: list[Entry]) -> None:
    assert rules(*leaving) == {}


def test_original_objects_are_told_by_their_header_alone(tmp_path: Path) -> None:
    (path,) = write_series(tmp_path, n=1, patient_id="SOMEBODY", name="ELSE^ANY", birth="")
    assert rules(Entry("series/IM0001", source=path))["raw-dicom"] == [
        "PatientName",
        "PatientID",
        "PatientBirthDate",
    ]
    told = rules(Entry("x.dcm", source=path))
    assert {"raw-dicom", "face", "dates"} <= set(told)


def test_a_report_names_no_key_that_is_itself_a_name() -> None:
    assert rules(Entry("x.json", b'{"Jane": "doe"}')) == {"json": []}


@pytest.fixture
def filled(kit: Kit, tmp_path: Path) -> Kit:
    write_series(tmp_path / "a", n=2, patient_id="QX-4711", description="t1")
    kit.take_in(tmp_path / "a")
    return kit


def project(kit: Kit):
    with kit.catalog.read() as con:
        return get_project(con, "default")


def ids(kit: Kit) -> list[int]:
    with kit.catalog.read() as con:
        return [row[0] for row in con.execute("SELECT id FROM studies")]


def ask(kit: Kit, leaving: list[Entry], what: tuple[object, ...] = (1,)):
    return kit.importer.releases.require(
        project(kit), "files", lambda: leaving, study_ids=ids(kit), what=what, actor="anna"
    )


def test_it_leaves_when_somebody_has_confirmed_that_very_release(filled: Kit) -> None:
    leaving = [Entry("doe.txt", b"x")]
    with pytest.raises(Unconfirmed) as refused:
        ask(filled, leaving)
    assert "doe" not in str(refused.value).lower()
    key = refused.value.facts["check"]
    made = filled.importer.releases.confirm(key, actor="bert")
    assert (made.confirmed_by, made.made_by) == ("bert", "anna")
    assert ask(filled, leaving).key == key
    with pytest.raises(Unconfirmed):
        ask(filled, leaving, what=(2,))
    with filled.catalog.read() as con:
        row = con.execute("SELECT target FROM operations WHERE verb = 'confirm-release'").fetchone()
    assert json.loads(row[0])["found"] == {"name-in-path": 1}


def test_another_state_of_the_studies_is_another_release(filled: Kit) -> None:
    leaving = [Entry("doe.txt", b"x")]
    with pytest.raises(Unconfirmed) as refused:
        ask(filled, leaving)
    filled.importer.releases.confirm(refused.value.facts["check"], actor="bert")
    filled.catalog.write(lambda tx: tx.con.execute("UPDATE studies SET rev = rev + 1") and None)
    with pytest.raises(Unconfirmed):
        ask(filled, leaving)


@pytest.mark.parametrize(
    ("wanted", "name", "passes"),
    [
        ("found", "a.txt", True),
        ("found", "doe.txt", False),
        ("always", "a.txt", False),
        ("off", "doe.txt", True),
    ],
)
def test_a_project_says_when_somebody_has_to_confirm(
    filled: Kit, wanted: str, name: str, passes: bool
) -> None:
    filled.catalog.write(
        lambda tx: change_policy(tx, "default", {"release_check": wanted}, actor="owner")
    )
    if passes:
        ask(filled, [Entry(name, b"x")])
    else:
        with pytest.raises(Unconfirmed):
            ask(filled, [Entry(name, b"x")])


def test_the_report_is_signed_and_holds_no_value(filled: Kit) -> None:
    releases = filled.importer.releases
    made = releases.check(
        project(filled), "files", [Entry("doe.txt", b"QX-4711")], study_ids=[], actor="anna"
    )
    report = releases.report(made.key)
    text = json.dumps(report).lower()
    assert not [word for word in ("doe", "jane", "4711", "1970", "anna") if word in text]
    assert {one["rule"] for one in report["findings"]} == {"name-in-path", "text"}
    assert releases.verify(json.loads(json.dumps(report, indent=3, sort_keys=True)))
    for change in ({"n_files": 7}, {"signature": None}, {"signature": {"value": "é"}}):
        assert not releases.verify({**report, **change})


def test_what_leaves_as_dicom_or_bids_is_checked_as_it_leaves(filled: Kit) -> None:
    releases, found = filled.importer.releases, project(filled)
    for way, leaving in (
        ("dicom", filled.importer.dicom.sample("default")),
        ("bids", filled.importer.bids.leaving("default")),
    ):
        made = releases.check(found, way, leaving, study_ids=[], actor="anna")
        assert made.n_files
        assert not made.needed, (way, made.findings)


def test_a_check_of_a_dicom_export_counts_all_objects_that_leave(filled: Kit) -> None:
    made = filled.importer.releases.check(
        project(filled), "dicom", filled.importer.dicom.sample("default"), study_ids=[], actor="a"
    )
    assert made.n_files == filled.importer.dicom.plan("default").n_objects > 1
    assert filled.importer.releases.report(made.key)["n_files"] == made.n_files


def test_SPA_04_slides_are_told_for_their_photographs_and_for_what_nobody_can_clean(
    tmp_path: Path,
) -> None:
    labelled, bare = (
        write(tmp_path / name, np.ones((20, 30, 1), np.uint16)) for name in ("a.czi", "b.czi")
    )
    attach(labelled, [("Label", "JPG", jpeg(np.full((40, 80, 3), 90, np.uint8)))])
    kept = {"burned-in": [], "opaque": []}
    assert rules(Entry("x/a.czi", source=labelled)) == {**kept, "photographs": ["label"]}
    assert rules(Entry("x/b.czi", source=bare)) == kept
    (tmp_path / "d.czi").write_bytes(b"broken")
    assert rules(Entry("x/d.czi", source=tmp_path / "d.czi")) == kept


@pytest.mark.parametrize("photographed", [True, False])
def test_SPA_04_a_slide_of_aperio_tells_its_label_from_its_thumbnail(
    tmp_path: Path, photographed: bool
) -> None:
    svs = tmp_path / "c.svs"
    picture = np.full((64, 64, 3), 200, np.uint8)
    plain = {"photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(svs) as writer:
        writer.write(picture, description="Aperio Image Library", tile=(32, 32), **plain)
        writer.write(picture[::4, ::4], **plain)  # the thumbnail
        if photographed:
            writer.write(picture[:32], subfiletype=1, **plain)
            writer.write(picture[:16], subfiletype=9, **plain)
    found = rules(Entry("x/c.svs", source=svs))
    assert found.get("photographs") == (["label", "macro"] if photographed else None)
    assert {"burned-in", "opaque"} <= set(found)


def test_the_sample_of_an_export_is_nobodys(filled: Kit) -> None:
    for entry in filled.importer.dicom.sample("default"):
        assert pydicom.dcmread(io.BytesIO(entry.data)).PatientIdentityRemoved == "YES"

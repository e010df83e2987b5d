"""Patterns, filters and selectors worked out in plain Python, to hold the catalog against."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from appliance.catalog import add_file, ensure_project, ensure_study, ensure_subject, tag
from appliance.catalog.nodes import And, Not, OneOf, Or, Pattern, Rank
from appliance.core import Invalid, Refused


@dataclass(eq=False)
class Study:
    pid: str
    sid: str
    date: str | None = None
    description: str | None = None
    subject_tags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    jobs: str = ""
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    id: int = 0

    @property
    def psid(self):
        return f"{self.pid}#{self.sid}"


WORLD = [
    Study("S-0001", "2024-01-01", "2024-01-01", "Head routine", ("pilot",), ("control",), "e", {
        "t1_trio_4/s001.nii": (), "t1xtrio_4/s001.nii.gz": ("mask",), "dwi(1)/s002.nii": (),
    }),
    Study("S-0001", "2024-02-01", "2024-02-01", None, ("pilot",), ("Kontrolle", "100%"), "qd", {
        "t1_trio_4/s010.nii": (), "t1_trio_4/s2.nii": (), "META/radiomics.json": ("a b",),
    }),
    Study("S-0001", "z", "2024-02-01", "kopf & hals", ("pilot",), (), "", {"nodeinfo.json": ()}),
    Study("s_0001", "2024-01-01", None, "Straße", (), ("control2", "a_b"), "r", {
        "Ärger/übung.nii": (), "straße/x.nii.gz": (), "STRASSE/Y.nii": ("maske",),
    }),
    Study("S-0002", "MNI", None, "", ("Ärzte",), ("axb", "x#y"), "", {}),
    Study("S-0003", "2023-05-05", "2023-05-05", "MR*Kopf", ("pilot2",), ("CONTROL 3",), "d", {
        "a\\b/100%.nii": (), "ROIS/mask_1.nii.gz": ("mask", "RO"), "ROIS/mask 2.nii": ("RO",),
        "mask_1.nii.gz": (), "x/y/mask_1.nii": (), "!odd/(1).nii": (), "it's/a,b.nii": (),
    }),
    Study("ANALYSIS", "MNI", None, "group", (), (), "", {"t1.nii": ("atlas",), "sub/t1.nii": ()}),
    Study("sub-01", "ses-1", "2022-01-01", None, (), ("bids",), "", {
        "anat/sub-01_ses-1_T1w.nii.gz": ("mask",), "func/sub-01_ses-1_task-rest_bold.nii": (),
        "anat/sub-02_ses-1_T1w.nii.gz": (), "sub-01x_ses-1.nii": (), "ses-1/\x02ses-1.json": (),
        "meg/sub-01_20240101.fif": (),
    }),
    Study("sub-01", "ses-12", "2022-03-01", None, (), (), "", {
        "anat/sub-01_ses-12_T1w.nii.gz": (), "anat/sub-01_ses-1_T1w.nii.gz": (),
    }),
    Study("sub-02", "ses-1", "2022-01-01", None, (), (), "", {
        "anat/sub-02_ses-1_T1w.nii.gz": (), "func/SUB-02_ses-1_bold.nii": (),
    }),
    Study("Größe-ß", "été", None, None, (), (), "", {
        "anat/Größe-ß_été_T1w.nii.gz": (), "été.nii": (), "a/\x01.nii": (),
    }),
]  # fmt: skip


def fill(tx):
    """Write the world into a catalog, with a second project and with things in the trash."""
    project = ensure_project(tx, "world")
    other = ensure_project(tx, "other")
    stranger = ensure_study(tx, ensure_subject(tx, other.id, "S-0001"), "2024-01-01")
    _add(tx, stranger, "t1_trio_4/s001.nii")
    for study in WORLD:
        subject = ensure_subject(tx, project.id, study.pid)
        study.id = ensure_study(
            tx, subject, study.sid, date=study.date, description=study.description
        )
        for path, tags in study.files.items():
            file_id = _add(tx, study.id, path)
            if tags:
                tag(tx, "file", [file_id], add=tags)
        if study.subject_tags:
            tag(tx, "subject", [subject], add=study.subject_tags)
        if study.tags:
            tag(tx, "study", [study.id], add=study.tags)
    gone = ensure_study(tx, ensure_subject(tx, project.id, "S-0001"), "gone", date="2029-01-01")
    _add(tx, gone, "t1_trio_4/s001.nii")
    thrown = _add(tx, WORLD[4].id, "t1_trio_4/s001.nii")
    tag(tx, "file", [thrown], add=["mask"])
    tx.con.execute("UPDATE studies SET trashed_at = 1 WHERE id = ?", (gone,))
    tx.con.execute("UPDATE files SET trashed_at = 1 WHERE id = ?", (thrown,))
    return project


def _add(tx, study_id, path):
    return add_file(tx, study_id, path, size_bytes=1, mtime_ns=1, kind="other")


def job_provider(value):
    """Answer JOB:letters from the world."""
    ids = [study.id for study in WORLD if set(study.jobs) & set(value)]
    return "SELECT value FROM json_each(?)", [json.dumps(ids)]


def fits(pattern, text, *, anchored):
    """Compare by trying every length of every ``*``."""
    return _fits(pattern.casefold(), text.casefold(), anchored)


def _fits(pattern, text, anchored):
    if not pattern:
        return not text or not anchored
    if pattern[0] == "*":
        rest = pattern.lstrip("*")
        return any(_fits(rest, text[i:], anchored) for i in range(len(text) + 1))
    if pattern[0] == "\\" and pattern[1:2] and pattern[1] in "*_\\":
        return text[:1] == pattern[1] and _fits(pattern[2:], text[1:], anchored)
    return bool(text) and pattern[0] in ("_", text[0]) and _fits(pattern[1:], text[1:], anchored)


def path_fits(pattern, path, *, anchored):
    """Compare with a path; a final .nii also means .nii.gz."""
    also = anchored and pattern.casefold().endswith(".nii")
    return fits(pattern, path, anchored=anchored) or (
        also and fits(f"{pattern}.gz", path, anchored=True)
    )


def holds(tree, study, path=None):
    """Tell whether a tree is true for a study, or for one of its files."""
    if isinstance(tree, Not):
        return not holds(tree.term, study, path)
    if isinstance(tree, And):
        return all(holds(term, study, path) for term in tree.terms)
    if isinstance(tree, Or):
        return any(holds(term, study, path) for term in tree.terms)
    paths = study.files if path is None else [path]
    if isinstance(tree, Pattern):
        return any(path_fits(tree.text, one, anchored=tree.anchored) for one in paths)
    if isinstance(tree, OneOf):
        name = study.pid if tree.name == "PID" else study.psid
        return name.casefold() in [value.casefold() for value in tree.values]
    if isinstance(tree, Rank):
        return _place(study, newest=tree.newest) == tree.n
    return _attribute(tree, study, paths)


def _attribute(tree, study, paths):
    if tree.name == "JOB":
        return bool(set(study.jobs) & set(tree.value))
    values = {
        "STAG": study.tags,
        "PTAG": study.subject_tags,
        "FTAG": [name for path in paths for name in study.files[path]],
        "SDESC": [study.description or ""],
        "PID": [study.pid],
        "SID": [study.sid],
    }[tree.name]
    return any(fits(tree.value, value, anchored=tree.anchored) for value in values)


def _place(study, *, newest):
    own = [other for other in WORLD if other.pid == study.pid]
    own.sort(key=lambda one: (one.date or "", one.sid), reverse=newest)
    return own.index(study)


def points_into(parse, text):
    """Tell whether a text is read, or the error points to a place in it and says so."""
    try:
        parse(text)
    except (Invalid, Refused) as error:
        at = error.facts["position"]
        said = f"(character {at + 1})" in error.message or "is empty" in error.message
        return 0 <= at <= len(text) and said
    return True

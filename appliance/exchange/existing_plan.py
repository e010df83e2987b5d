"""What would come of a folder of existing data: places in the project, and what finds none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from appliance.core import Invalid, safe_name
from appliance.exchange.bids_names import extension_of
from appliance.exchange.bids_read import BidsLayout
from appliance.exchange.layouts import (
    Layout,
    PatternLayout,
    Tree,
    TreeFolder,
    compile_layout,
)

__all__ = [
    "ExistingOptions",
    "ExistingPreview",
    "PlacedFile",
    "PreviewRow",
    "Unplaced",
    "check_layout",
    "layout_of",
    "place_files",
    "preview_tree",
]

_EXAMPLES, _MOST_SEEN = 200, 300_000
_QUIET = ("it was read", "it stays where it is")  # expected in a dataset, no problems
_NEW_CODE = "(new)"


class ExistingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a folder of existing data is read.

    Attributes
    ----------
    layout : {"bids", "pattern"}
        How subject and study are told.
    pattern : str
        For ``pattern``: ``{subject}/{study}/{file}``, or a regular expression with groups.
    mode : {"stay", "link", "copy"}
        Whether files stay where they are, get a second name, or are copied.
    subjects : {"keep", "codes"}
        Whether the source's names of subjects are codes already, or new codes are made.
    """

    layout: Literal["bids", "pattern"] = "pattern"
    pattern: str = "{subject}/{study}/{file}"
    mode: Literal["stay", "link", "copy"] = "stay"
    subjects: Literal["keep", "codes"] = "keep"


class PlacedFile(msgspec.Struct, frozen=True):
    """One file of the source with its place in the project; `text` replaces its bytes."""

    source: str
    subject: str  # in the words of the source
    pid: str
    sid: str
    path: str
    size_bytes: int
    mtime_ns: int
    date: str | None = None
    text: str | None = None


class Unplaced(msgspec.Struct, frozen=True):
    """A path of the source that has no place, and why."""

    path: str
    reason: str


class PreviewRow(msgspec.Struct, frozen=True):
    """One file as it would come in."""

    source: str
    psid: str
    path: str
    size_bytes: int


class ExistingPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What would come of a folder, before anything is done.

    Attributes
    ----------
    n_skipped : int
        Files of the dataset that are read or stay where they are.
    truncated : bool
        Whether the folder holds more than was looked at.
    kinds : dict
        Files by kind.
    """

    n_files: int
    n_subjects: int
    n_studies: int
    n_problems: int
    n_skipped: int
    size_bytes: int
    n_dicom: int
    truncated: bool
    kinds: dict[str, int]
    rows: list[PreviewRow]
    problems: list[Unplaced]


Coder = Callable[[str], str]


def layout_of(root: Path, options: ExistingOptions) -> Layout:
    """Make what tells places.

    Raises
    ------
    Invalid
        As `check_layout`.
    """
    check_layout(root, options)
    return PatternLayout(options.pattern) if options.layout == "pattern" else BidsLayout(root)


def check_layout(root: Path, options: ExistingOptions) -> None:
    """Refuse a pattern that is none, or a folder that is no BIDS dataset.

    Raises
    ------
    Invalid
        With what is wrong.
    """
    if options.layout == "pattern":
        compile_layout(options.pattern)
    elif not (root / "dataset_description.json").is_file() and not any(root.glob("sub-*")):
        raise Invalid(
            "this folder is no BIDS dataset",
            hint="It holds neither dataset_description.json nor folders named sub-….",
        )


class _Names:
    """Makes safe names out of those of the source, and refuses two that become the same."""

    def __init__(self, coder: Coder, *, codes: bool) -> None:
        self.codes = codes
        self._coder = coder
        self._made: dict[tuple[str, str], str] = {}
        self._owner: dict[tuple[str, str], str] = {}
        self._known: dict[tuple[str, str], tuple[str, str] | str] = {}

    def both(self, subject: str, study: str) -> tuple[str, str] | str:
        """Give the safe names of a subject and a study, or why there are none."""
        if (subject, study) not in self._known:
            self._known[subject, study] = self._find(subject, study)
        return self._known[subject, study]

    def _find(self, subject: str, study: str) -> tuple[str, str] | str:
        pid = self._name("", subject, self._coder)
        if pid is None:
            return "another folder has the same safe name for its subject"
        sid = self._name(f"/{subject}", study, safe_name)
        if sid is None:
            return "another folder has the same safe name for its study"
        return pid, sid

    def _name(self, scope: str, original: str, make: Callable[[str], str]) -> str | None:
        key = (scope, original)
        if key not in self._made:
            self._made[key] = make(original)
        made = self._made[key]
        return made if self._owner.setdefault((scope, made), original) == original else None


def place_files(
    tree: Tree,
    layout: Layout,
    options: ExistingOptions,
    coder: Coder,
    trouble: Callable[[Unplaced], None],
) -> Iterator[PlacedFile]:
    """Give every file of a tree with its place, in the order of the tree.

    Parameters
    ----------
    coder : callable
        Gives the subject's code for the source's name of it.
    trouble : callable
        Hears of what has no place.
    """
    names = _Names(coder, codes=options.subjects == "codes")
    bids = layout if isinstance(layout, BidsLayout) else None

    def hear(path: str, reason: str) -> None:
        trouble(Unplaced(path, reason))

    for folder in tree.folders(hear):
        placed = _placed(tree.root, folder, layout, names, hear)
        if bids is None:
            yield from placed
            continue
        bids.enter(folder)
        yield from _with_sidecars(bids, placed)


def _with_sidecars(bids: BidsLayout, placed: Iterator[PlacedFile]) -> Iterator[PlacedFile]:
    """Put complete sidecars beside the images of a folder, instead of their own or without one."""
    completed: set[str] = set()
    for file in placed:
        name = file.source.rpartition("/")[2]
        sidecar = bids.sidecar(name)
        if sidecar and sidecar[0] not in completed:
            completed.add(sidecar[0])
            yield _generated(file, name, sidecar)
        if name not in completed:
            yield file


def _generated(file: PlacedFile, name: str, sidecar: tuple[str, str]) -> PlacedFile:
    at = sidecar[0]
    path = file.path
    if name != at:  # in words of the project: a code may stand in the names
        own, beside = extension_of(name), extension_of(at)
        path = path[: len(path) - len(own)] + beside
    size = len(sidecar[1].encode())
    return PlacedFile(
        "", file.subject, file.pid, file.sid, path, size, file.mtime_ns, file.date, sidecar[1]
    )


def _placed(
    root: Path,
    folder: TreeFolder,
    layout: Layout,
    names: _Names,
    hear: Callable[[str, str], None],
) -> Iterator[PlacedFile]:
    """Give the files of one folder that have a place."""
    base = layout.base(folder.path) if isinstance(layout, BidsLayout) else None
    below = f"{folder.path}/" if folder.path else ""
    for file in folder.files:
        path = below + file.name
        place = layout.place(path) if base is None else base
        both = place if isinstance(place, str) else names.both(place.subject, place.study)
        if isinstance(place, str) or isinstance(both, str):
            hear(path, str(both))
            continue
        pid, sid = both
        there = place.path if base is None else place.path + file.name
        if names.codes and pid != place.subject:
            there = there.replace(place.subject, pid)
        yield PlacedFile(
            f"{root}/{path}",
            place.subject,
            pid,
            sid,
            there,
            file.size_bytes,
            file.mtime_ns,
            place.date,
        )


class _Tally:
    """Counts of a preview."""

    def __init__(self) -> None:
        self.n_files = self.size_bytes = self.n_dicom = self.n_problems = self.n_skipped = 0
        self.subjects: set[str] = set()
        self.studies: set[tuple[str, str]] = set()
        self.places: set[tuple[str, str, str]] = set()
        self.kinds: Counter[str] = Counter()
        self.rows: list[PreviewRow] = []
        self.problems: list[Unplaced] = []

    def hear(self, problem: Unplaced) -> None:
        if problem.reason.endswith(_QUIET):
            self.n_skipped += 1
            return
        self.n_problems += 1
        if len(self.problems) < _EXAMPLES:
            self.problems.append(problem)

    def add(self, file: PlacedFile, kind: str, shown: str) -> None:
        place = (file.subject, file.sid, file.path)
        if place in self.places:
            self.hear(Unplaced(file.source, "another file has this place"))
            return
        self.places.add(place)
        self.subjects.add(file.subject)
        self.studies.add(place[:2])
        self.n_files += 1
        self.size_bytes += file.size_bytes
        self.kinds[kind] += 1
        self.n_dicom += file.path.lower().endswith((".dcm", ".ima"))
        if len(self.rows) < _EXAMPLES:
            row = PreviewRow(file.source, f"{shown}#{file.sid}", file.path, file.size_bytes)
            self.rows.append(row)


def preview_tree(root: Path, options: ExistingOptions) -> ExistingPreview:
    """Look through a folder and tell what would come in; nothing is changed."""
    from appliance.formats import kind_of

    tally, new = _Tally(), options.subjects == "codes"
    layout = layout_of(root, options)
    coder: Coder = _as_is if new else safe_name
    for file in place_files(Tree(root), layout, options, coder, tally.hear):
        if tally.n_files >= _MOST_SEEN:
            break
        tally.add(file, str(kind_of(file.path)), _NEW_CODE if new else file.pid)
    facts: dict[str, Any] = {
        name: getattr(tally, name)
        for name in ("n_files", "n_problems", "n_skipped", "size_bytes", "n_dicom", "rows")
    }
    return ExistingPreview(
        **facts,
        n_subjects=len(tally.subjects),
        n_studies=len(tally.studies),
        truncated=tally.n_files >= _MOST_SEEN,
        kinds=dict(tally.kinds),
        problems=tally.problems,
    )


def is_quiet(problem: Unplaced) -> bool:
    """Tell whether a file without a place is what one expects in a dataset."""
    return problem.reason.endswith(_QUIET)


def _as_is(text: str) -> str:
    return text

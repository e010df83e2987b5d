"""Names of what jobs made of a dataset's images, for a BIDS derivative beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from appliance.exchange.bids_names import BidsName, label_of
from appliance.exchange.names import suffix_of

if TYPE_CHECKING:
    from appliance.exchange.bids_plan import PlannedFile
    from appliance.jobs import Derived

__all__ = ["DERIVATIVE", "OTHER", "DerivedFile", "name_derived"]

DERIVATIVE = "derivatives/nora"
"""Where the derivative lies in the dataset."""
OTHER = "extra"
"""Folder of it for what BIDS has no name for."""
_KINDS = ("image", "mask", "labels", "surface", "streamlines", "table", "json", "pyramid")
_NIFTI = (".nii", ".nii.gz")
_KEPT = ("task", "acq", "ce", "rec", "dir", "run", "echo", "part", "chunk")
_ANAT = (
    *("T1w", "T2w", "FLAIR", "PDw", "T2starw"),
    *("inplaneT1", "inplaneT2", "PDT2", "angio", "UNIT1"),
)
_STRIPPED = re.compile(r"brain|strip|bet(?![a-z])", re.IGNORECASE)


class DerivedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the derivative.

    Attributes
    ----------
    target : str
        Its path below the derivative.
    sidecar : dict or None
        What is written beside it; None for a file that BIDS has no name for.
    """

    file: Derived
    target: str
    sidecar: dict[str, Any] | None = None


class _Named(NamedTuple):
    folder: str
    entities: dict[str, str]
    suffix: str


def name_derived(
    made: Sequence[Derived],
    files: Sequence[PlannedFile],
    participants: Mapping[int, str],
    sessions: Mapping[int, str | None],
) -> tuple[list[DerivedFile], list[str]]:
    """Name what jobs made after the images that it goes back to.

    Parameters
    ----------
    participants, sessions
        Labels of subjects and sessions by the id of the study.

    Returns
    -------
    list of DerivedFile, list of str
        The files; and what is left out.
    """
    raw = {file.candidate.file_id: file for file in files}
    mine = [one for one in made if one.file_id not in raw]
    taken = [one for one in mine if one.kind in _KINDS]
    namer = _Namer(taken, raw, participants, sessions)
    found = [namer.named(one) for one in taken]
    found = [namer.with_sources(one) for one in found]
    left = len(mine) - len(taken)
    what = f"{left} files that jobs made are neither images nor tables and are left out"
    return found, [what] if left else []


class _Namer:
    """Names of derived files, each given once."""

    def __init__(
        self,
        made: Sequence[Derived],
        raw: Mapping[int, PlannedFile],
        participants: Mapping[int, str],
        sessions: Mapping[int, str | None],
    ) -> None:
        self._made = {one.file_id: one for one in made}
        self._raw, self._participants, self._sessions = raw, participants, sessions
        self._seen: Counter[str] = Counter()
        self._targets: dict[int, str] = {}

    def named(self, one: Derived) -> DerivedFile:
        """Give a file its name: that of the image it goes back to, with a description."""
        head = [f"sub-{self._participants[one.study_id]}"]
        session = self._sessions[one.study_id]
        head += [] if session is None else [f"ses-{session}"]
        like = self._like(one)
        if like is None:
            target = self._once("/".join([OTHER, *head, one.path]))
            self._targets[one.file_id] = target
            return DerivedFile(file=one, target=target)
        extension = suffix_of(one.path)
        stem = one.path.rpartition("/")[2][: -len(extension)]
        own = {"sub": head[0][4:], **({"ses": session} if session is not None else {})}
        target = self._described(
            "/".join([*head, like.folder]), {**own, **like.entities}, like, stem
        )
        self._targets[one.file_id] = target + extension
        return DerivedFile(file=one, target=target + extension, sidecar=_facts(one, like))

    def with_sources(self, one: DerivedFile) -> DerivedFile:
        """Add what a file was made from, of what lies in the dataset or beside it."""
        if one.sidecar is None:
            return one
        known = [self._source(i) for i in one.file.inputs]
        sources = [name for name in known if name]
        sidecar = {**one.sidecar, **({"Sources": sources} if sources else {})}
        return msgspec.structs.replace(one, sidecar=sidecar)

    def _source(self, file_id: int) -> str:
        if file_id in self._raw:
            return f"bids:raw:{self._raw[file_id].path}"
        target = self._targets.get(file_id, "")
        return f"bids::{target}" if target else ""

    def _described(self, folder: str, entities: dict[str, str], like: _Named, stem: str) -> str:
        label = label_of(stem)[:40] or "made"
        for n in range(1, len(self._made) + 2):
            desc = label if n == 1 else f"{label}x{n}"
            name = BidsName({**entities, "desc": desc}, like.suffix, "").text()
            target = f"{folder}/{name}"
            if target not in self._seen:
                break
        return self._once(target)

    def _once(self, target: str) -> str:
        self._seen[target] += 1
        return target

    def _like(self, one: Derived) -> _Named | None:
        """Tell where a file belongs; None where BIDS has no place for it."""
        if one.kind not in ("image", "mask", "labels") or suffix_of(one.path) not in _NIFTI:
            return None
        parent = self._parent(one)
        if parent is None:
            return None
        folder = parent.target.split("/")[-2]
        suffix = _suffix(one, folder, parent.suffix)
        if not suffix:
            return None
        entities = {key: parent.entities[key] for key in _KEPT if key in parent.entities}
        return _Named(folder, entities, suffix)

    def _parent(self, one: Derived) -> PlannedFile | None:
        """Find the image that a file goes back to, nearest first, in its own study."""
        seen, level = set[int](), list(one.inputs)
        while level:
            for file_id in level:
                found = self._raw.get(file_id)
                if found is not None and found.visit.id == one.study_id:
                    return found
            seen.update(level)
            behind = [self._made[i] for i in level if i in self._made]
            level = [i for other in behind for i in other.inputs if i not in seen]
        return None


def _suffix(one: Derived, folder: str, suffix: str) -> str:
    if one.kind == "labels":
        return "dseg"
    if one.kind == "mask" or "mask" in one.tags:
        return "mask"
    if folder == "anat" and suffix in _ANAT and one.n_volumes == 1:
        return suffix
    return "bold" if folder == "func" and suffix == "bold" and one.n_volumes > 1 else ""


def _facts(one: Derived, like: _Named) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if like.suffix not in ("mask", "dseg"):
        facts["SkullStripped"] = _STRIPPED.search(one.path) is not None
    if like.suffix == "mask":
        facts["Type"] = "Brain" if _STRIPPED.search(one.path) else "ROI"
    if like.suffix == "bold":
        facts["TaskName"] = like.entities.get("task", "unknown")
    return facts

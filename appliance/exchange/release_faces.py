"""Tells which images that leave may show a face: heads in MR or CT from which it was not taken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appliance.formats import NiftiTexts

__all__ = ["Faces"]

_HEAD = re.compile(
    r"head|brain|skull|neuro|face|orbit|sch(?:ä|ae?)del|kopf|hirn|cranium|mprage|t1w?(?:_|$|\b)"
    r"|flair|whole ?body|wholebody",
    re.IGNORECASE,
)
_GONE = re.compile(
    r"deface|faceless|noface|brain_?mask|skull_?strip|_bet\b|desc-brain|_mask\b|_seg\b|_dseg\b"
    r"|_roi\b|_probseg\b|label|aseg|atlas",
    re.IGNORECASE,
)
_LEAST_MM, _COARSEST_MM = 110.0, 2.6  # a smaller field or larger voxels show nobody


class Faces:
    """Collects images and what their sidecars say, in any order."""

    def __init__(self) -> None:
        self._images: dict[str, str] = {}
        self._sidecars: dict[str, bool] = {}
        self._series: dict[str, str] = {}

    def image(self, place: str, head: NiftiTexts) -> None:
        """Note an image that is large and fine enough for a face."""
        fits = min(head.extents_mm) >= _LEAST_MM and head.voxel_mm <= _COARSEST_MM
        if fits and not _GONE.search(place.rpartition("/")[2]):
            self._images[_stem(place)] = place

    def sidecar(self, place: str, doc: Mapping[str, Any]) -> None:
        """Note what a sidecar tells of the image beside it."""
        facts = {name: str(doc[name]) for name in doc if isinstance(doc[name], str)}
        told = doc.get("FaceRemoved") is True or doc.get("Defaced") is True
        self._sidecars[_stem(place)] = not told and _may_show(facts)

    def slice(self, place: str, facts: Mapping[str, str]) -> None:
        """Note a DICOM object; one of each series is named."""
        if _may_show(facts):
            self._series.setdefault(facts.get("SeriesInstanceUID", place), place)

    def shown(self) -> list[str]:
        """Give the images that may show a face."""
        images = [place for stem, place in self._images.items() if self._sidecars.get(stem, True)]
        return [*images, *self._series.values()]


def _may_show(facts: Mapping[str, str]) -> bool:
    """An image of a known other part of the body shows none; of an unknown one it may."""
    if facts.get("RecognizableVisualFeatures") == "NO":
        return False
    if facts.get("Modality", "MR") not in ("MR", "CT"):
        return False
    part = facts.get("BodyPartExamined", "")
    return not part or _HEAD.search(part) is not None


def _stem(place: str) -> str:
    name = place
    for suffix in (".gz", ".nii", ".json"):
        name = name.removesuffix(suffix)
    return name

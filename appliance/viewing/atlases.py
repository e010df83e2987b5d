"""What the labels of an atlas are called: from its own header, a table beside it, or FreeSurfer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec

from appliance.core import ApplianceError, NotFound
from appliance.formats import (
    LABEL_SUFFIXES,
    freesurfer_labels,
    read_label_table,
    read_labels,
    suffix_of,
)

__all__ = ["AtlasLabel", "LabelTable", "label_table"]

_LOG = logging.getLogger(__name__)
_SURFER = frozenset({".mgh", ".mgz"})
_SURFER_NAMES = ("aseg", "aparc", "wmparc")
_ENDINGS = ("", "_labels", "_lut", "_LUT")


class AtlasLabel(msgspec.Struct, frozen=True):
    """One label; `color` is ``#rrggbb``."""

    value: int
    name: str
    color: str


class LabelTable(msgspec.Struct, frozen=True, kw_only=True):
    """The labels of an atlas.

    Attributes
    ----------
    labels : list
        By their number; empty when nothing names them.
    source : str
        The file they come from, ``header`` or ``FreeSurfer``; "" without any.
    problem : str
        Why the table beside the atlas is of no use.
    """

    labels: list[AtlasLabel]
    source: str = ""
    problem: str = ""


def label_table(path: Path) -> LabelTable:
    """Find the table of an atlas.

    A table beside it has its name with another ending (``atlas.nii.gz``: ``atlas.tsv``, ``.json``,
    ``.txt``, ``.lut``, ``.ctab``, ``.xml``; also ``atlas_labels.txt``), or is the only
    ``*_dseg.tsv`` of the folder.

    Raises
    ------
    NotFound
        If the atlas is gone from the disk.
    """
    if not path.is_file():
        raise NotFound(f"{path.name} is no longer on the disk", hint="Run 'nora rescan'.")
    problem = ""
    for table in _beside(path):
        try:
            found = read_label_table(table)
        except ApplianceError as error:
            _LOG.info("a table of labels cannot be read: %s", type(error).__name__)
            # Facts of the scan stand in a JSON file of the same name.
            problem = problem if table.suffix == ".json" else f"{table.name}: {error}"
            continue
        return LabelTable(
            labels=[AtlasLabel(one.value, one.name, one.color) for one in found], source=table.name
        )
    own = read_labels(path)
    if own:
        labels = [AtlasLabel(one.value, one.name, one.color) for one in own if one.value > 0]
        return LabelTable(labels=labels, source="header", problem=problem)
    if suffix_of(path) in _SURFER or any(name in path.name.lower() for name in _SURFER_NAMES):
        known = [AtlasLabel(*_parts(one)) for one in sorted(freesurfer_labels())]
        return LabelTable(labels=known, source="FreeSurfer", problem=problem)
    return LabelTable(labels=[], problem=problem)


def _parts(value: int) -> tuple[int, str, str]:
    label = freesurfer_labels()[value]
    return label.value, label.name, label.color


def _beside(path: Path) -> Iterator[Path]:
    """Give the files beside an atlas that may be its table, the likeliest first."""
    stem = path.name[: len(path.name) - len(suffix_of(path))]
    for ending in _ENDINGS:
        for suffix in LABEL_SUFFIXES:
            table = path.with_name(f"{stem}{ending}{suffix}")
            if table.is_file():
                yield table
    shared = sorted(path.parent.glob("*dseg.tsv"))
    if "dseg" in path.name and len(shared) == 1 and not shared[0].name.startswith(stem):
        yield shared[0]

"""Names of a BIDS dataset: entities, suffix and extension of a file, and labels made of codes."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

__all__ = ["ENTITY_ORDER", "BidsName", "extension_of", "label_of", "parse_name"]

ENTITY_ORDER = (
    "sub",
    "ses",
    "sample",
    "task",
    "tracksys",
    "acq",
    "nuc",
    "voi",
    "ce",
    "trc",
    "stain",
    "rec",
    "dir",
    "run",
    "mod",
    "echo",
    "flip",
    "inv",
    "mt",
    "part",
    "proc",
    "hemi",
    "space",
    "split",
    "recording",
    "chunk",
    "seg",
    "res",
    "den",
    "label",
    "desc",
)
_RANK = {name: n for n, name in enumerate(ENTITY_ORDER)}
_NOT_LABEL = re.compile(r"[^0-9A-Za-z]+")
_DOUBLE = (".nii.gz", ".tsv.gz")


class BidsName(msgspec.Struct, frozen=True):
    """A file name in its parts; `suffix` is such as ``T1w``, `extension` such as ``.nii.gz``."""

    entities: dict[str, str]
    suffix: str
    extension: str

    def text(self) -> str:
        """Write the name with its entities in their order."""
        pairs = sorted(self.entities.items(), key=lambda pair: _RANK.get(pair[0], len(_RANK)))
        return "_".join([*(f"{k}-{v}" for k, v in pairs), self.suffix]) + self.extension

    def within(self, other: Mapping[str, str]) -> bool:
        """Tell whether all its entities are among those of another file."""
        return all(other.get(key) == value for key, value in self.entities.items())


def parse_name(name: str) -> BidsName:
    """Take a file name apart; a part without ``-`` before the suffix is left out."""
    extension = extension_of(name)
    *pairs, suffix = name[: len(name) - len(extension)].split("_")
    entities = {}
    for pair in pairs:
        key, mark, value = pair.partition("-")
        if mark:
            entities[key] = value
    return BidsName(entities, suffix, extension)


def extension_of(name: str) -> str:
    """Give what follows the last point of a name, with it; ``.nii.gz`` is one."""
    if name.endswith(_DOUBLE):
        return name[-7:]
    return "." + name.rpartition(".")[2] if "." in name else ""


def label_of(text: str, *, prefix: str = "") -> str:
    """Make a label, which has letters and digits alone, out of a code such as ``sub-S_01``."""
    bare = text.removeprefix(prefix) if prefix else text
    return _NOT_LABEL.sub("", bare)

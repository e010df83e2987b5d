"""Neutral names for what comes in, and the rules for what is no image data at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import PurePosixPath

__all__ = [
    "ARCHIVES",
    "is_archive",
    "is_incomplete",
    "is_junk",
    "item_key",
    "neutral_name",
    "path_hash",
    "suffix_of",
]

_INCOMPLETE = (".part", ".tmp", "~", ".filepart", ".crdownload", ".partial", ".swp")
_JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx", "lost+found"})
_KNOWN = frozenset(
    [
        ".dcm",
        ".ima",
        ".zip",
        ".tar",
        ".tgz",
        ".txz",
        ".tbz2",
        ".7z",
        ".nii",
        ".gz",
        ".hdr",
        ".img",
        ".mgh",
        ".mgz",
        ".nrrd",
        ".nhdr",
        ".mrc",
        ".rec",
        ".map",
        ".st",
        ".json",
        ".csv",
        ".tsv",
        ".txt",
        ".tab",
        ".tck",
        ".trk",
        ".gii",
        ".stl",
        ".ply",
        ".vtk",
        ".obj",
        ".bval",
        ".bvec",
        ".bvals",
        ".bvecs",
        ".png",
        ".jpg",
        ".jpeg",
        ".tif",
        ".tiff",
        ".pdf",
        ".html",
        ".md",
        ".xml",
        ".mat",
        ".czi",
        ".dm3",
        ".dm4",
        ".edf",
        ".mdoc",
        ".tlt",
        ".raw",
    ]
)
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".txz", ".tbz2", ".7z")
_DOUBLE = (
    ".nii.gz",
    ".tar.gz",
    ".tar.xz",
    ".tar.bz2",
    ".mgh.gz",
    ".surf.gii",
    ".func.gii",
    ".label.gii",
    ".tck.gz",
)


def suffix_of(name: str) -> str:
    """Give the extension of a name in lower case, ``.nii.gz`` as one; unknown ones are ''."""
    lower = name.lower()
    for double in _DOUBLE:
        if lower.endswith(double):
            return double
    suffix = PurePosixPath(lower).suffix
    return suffix if suffix in _KNOWN else ""


def neutral_name(n: int, original: str) -> str:
    """Give the name of the n-th file of an arrival, which tells its format and nothing else."""
    return f"{n:06d}{suffix_of(original) or '.bin'}"


def item_key(receipt_key: str, n: int) -> str:
    """Give the key under which the identity store keeps the original name of an item."""
    return f"{receipt_key}/{n:06d}"


def is_incomplete(name: str) -> bool:
    """Tell whether a name is that of a file still being written, or hidden."""
    return name.startswith(".") or name.lower().endswith(_INCOMPLETE)


def is_archive(name: str) -> bool:
    """Tell whether a name is that of an archive, which is an arrival of its own."""
    return name.lower().endswith(ARCHIVES)


def is_junk(name: str) -> bool:
    """Tell whether a name is what desktops leave behind."""
    return name.lower() in _JUNK


def path_hash(path: str | os.PathLike[str]) -> str:
    """Give a short hash of a path, so that the catalog needs not hold the path."""
    return hashlib.blake2b(os.fsencode(path), digest_size=16).hexdigest()

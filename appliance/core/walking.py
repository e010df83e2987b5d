"""Walking the files of a study's folder, as the catalog counts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PYRAMID", "walk_files"]

PYRAMID = "neuro-"
_INFO = "info"
_ZARR, _ZARR_HEADS = ".zarr", (".zattrs", "zarr.json")


def walk_files(root: Path) -> Iterator[Path]:
    """Walk all files below a folder, hidden ones too.

    A folder ``neuro-…`` with an ``info`` is a multiscale pyramid, which is one thing: its
    thousands of chunks are left out, and ``info`` stands for it. So does the outermost
    ``.zattrs`` (or ``zarr.json``) for a folder ``….zarr``.
    """
    for folder, folders, names in os.walk(root):
        if head := _head(Path(folder).name, names):
            folders.clear()
            names = [head]  # noqa: PLW2901
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                yield path


def _head(folder: str, names: list[str]) -> str:
    """Name the file that stands for all of a folder; empty for an ordinary one."""
    heads: tuple[str, ...] = (_INFO,) if folder.startswith(PYRAMID) else ()
    heads = _ZARR_HEADS if folder.endswith(_ZARR) else heads
    return next((head for head in heads if head in names), "")

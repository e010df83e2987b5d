"""Walking the files of a study's folder, as the catalog counts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PYRAMID", "walk_files"]

PYRAMID = "neuro-"
_INFO = "info"


def walk_files(root: Path) -> Iterator[Path]:
    """Walk all files below a folder, hidden ones too.

    A folder ``neuro-…`` with an ``info`` is a multiscale pyramid, which is one thing: its
    thousands of chunks are left out, and ``info`` stands for it.
    """
    for folder, folders, names in os.walk(root):
        if Path(folder).name.startswith(PYRAMID) and _INFO in names:
            folders.clear()
            names = [_INFO]  # noqa: PLW2901
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                yield path

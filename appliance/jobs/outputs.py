"""What an attempt made on disk: snapshots before it, what is new after it, and half-made files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from appliance.core import content_of, is_any_file, is_folder_file, walk_files
from appliance.jobs.resolve import OutputPath

__all__ = ["made_since", "missing", "move_partial", "snapshot"]

Snapshot = dict[str, list[int]]


def snapshot(outputs: Iterable[OutputPath]) -> Snapshot:
    """Note size and time of what exists already where outputs will be."""
    return {str(path): list(content_of(path)) for output in outputs for path in _files(output)}


def made_since(folder: Path, outputs: Iterable[OutputPath]) -> list[tuple[OutputPath, Path]]:
    """List the files of outputs that are new or changed since the attempt of a run folder began."""
    before: Snapshot = json.loads((folder / "before.json").read_bytes())
    found: list[tuple[OutputPath, Path]] = []
    for output in outputs:
        found += [
            (output, path)
            for path in _files(output)
            if before.get(str(path)) != list(content_of(path))
        ]
    return found


def missing(outputs: Iterable[OutputPath]) -> list[str]:
    """Name the promised files and folders that do not exist."""
    return [
        output.path.name
        for output in outputs
        if not (output.path.is_dir() if output.is_folder else is_any_file(output.path))
    ]


def move_partial(folder: Path, outputs: Sequence[OutputPath]) -> int:
    """Move what a failed attempt made into ``partial/`` of its run folder, and count it."""
    if not (folder / "before.json").exists():
        return 0
    made = made_since(folder, outputs)
    for number, (_, path) in enumerate(made):
        target = folder / "partial" / str(number) / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
    return len(made)


def _files(output: OutputPath) -> list[Path]:
    if not output.is_folder or is_folder_file(output.path):
        return [output.path] if is_any_file(output.path) else []
    return sorted(walk_files(output.path))

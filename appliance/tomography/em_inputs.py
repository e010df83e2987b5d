"""Which single images and which stacks of sections a run is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from appliance.core import Invalid, NotFound
from appliance.formats import EM_IMAGE_SUFFIXES, EM_STACK_SUFFIXES
from appliance.tomography.inputs import is_made, natural_key

__all__ = ["EmInput", "find_images", "find_stacks"]

_TIFF = (".tif", ".tiff")
_OURS = ("adjusted.mrc",)


@dataclass(frozen=True, slots=True)
class EmInput:
    """One input.

    Attributes
    ----------
    name : str
        Of its results; no other input of the run has it.
    source : str
        Name of its file, or of the folder of its sections.
    paths : tuple of Path
        One file, or the sections in their order.
    """

    name: str
    source: str
    paths: tuple[Path, ...]


def find_images(given: Sequence[Path], output: Path) -> list[EmInput]:
    """Find single images: files that are named, and those of folders; each is one input.

    Of two files that differ in their ending only, ``a.dm4`` and ``a.tif``, the results are called
    ``a_dm4`` and ``a_tif``.

    Raises
    ------
    NotFound
        If there is none, or a file is not there.
    Invalid
        If two images would have one name.
    """
    files = list(dict.fromkeys(_files(given, EM_IMAGE_SUFFIXES, output)))
    if not files:
        raise NotFound(
            "there is no image to process", hint=f"They end in {', '.join(EM_IMAGE_SUFFIXES)}."
        )
    stems = Counter(path.stem for path in files)
    found = [
        EmInput(_name(path, alone=stems[path.stem] == 1), path.name, (path,)) for path in files
    ]
    return _distinct(found, "images")


def find_stacks(given: Sequence[Path], output: Path) -> list[EmInput]:
    """Find stacks: a folder of TIFF files is one, named as the folder; so is any file of several.

    Files that are named themselves and lie in one folder are the sections of one stack, too.

    Raises
    ------
    NotFound
        If there is none, or a file is not there.
    Invalid
        If two stacks would have one name.
    """
    files = list(dict.fromkeys(_files(given, EM_STACK_SUFFIXES, output, deep=True)))
    if not files:
        raise NotFound(
            "there is no stack to process",
            hint="A stack is a folder of TIFF files, or a TIFF, MRC, DM3 or DM4 file of sections.",
        )
    tiffs = [path for path in files if path.suffix.lower() in _TIFF]
    found = [
        one
        for folder, group in groupby(tiffs, key=lambda path: path.parent)
        for one in _folder(folder, list(group))
    ]
    others = [path for path in files if path.suffix.lower() not in _TIFF]
    return _distinct([*found, *(_alone(path) for path in others)], "stacks")


def _folder(folder: Path, files: list[Path]) -> list[EmInput]:
    """Make one stack of the sections of a folder, or one of each file that is a stack itself."""
    from appliance.core import ApplianceError
    from appliance.formats import open_em_sections

    try:
        several = open_em_sections(files[:1]).shape[0] > 1
    except ApplianceError:  # told when it is processed, so that others go on
        several = False
    if several or len(files) == 1:
        return [_alone(path) for path in files]
    ordered = sorted(files, key=natural_key)
    name = folder.absolute().name
    return [EmInput(name, name, tuple(ordered))]


def _alone(path: Path) -> EmInput:
    return EmInput(path.stem, path.name, (path,))


def _name(path: Path, *, alone: bool) -> str:
    return path.stem if alone else f"{path.stem}_{path.suffix[1:].lower()}"


def _files(
    given: Iterable[Path], suffixes: Sequence[str], output: Path, *, deep: bool = False
) -> list[Path]:
    """List files by folder, in natural order; results of earlier runs are left out."""
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            found += _inside(path, deep=deep)
        elif path.is_file():
            found.append(path)
        else:
            raise NotFound(f"there is no file {path.name}")
    ours = output.absolute()
    wanted = [
        path
        for path in found
        if path.suffix.lower() in suffixes
        and not path.absolute().is_relative_to(ours)
        and not (path.name in _OURS or is_made(path))
    ]
    return sorted(wanted, key=lambda path: (path.parent.as_posix(), natural_key(path)))


def _inside(folder: Path, *, deep: bool) -> list[Path]:
    """List the files of a folder, and of the folders in it where each may be a stack."""
    shown = [path for path in folder.iterdir() if not path.name.startswith(".")]
    files = [path for path in shown if path.is_file()]
    inner = [path for path in shown if path.is_dir()] if deep else []
    return files + [path for one in inner for path in _inside(one, deep=False)]


def _distinct(found: list[EmInput], what: str) -> list[EmInput]:
    twice = [name for name, n in Counter(one.name for one in found).items() if n > 1]
    if twice:
        raise Invalid(f"two {what} are called {twice[0]}", hint="Process them in two runs.")
    return found

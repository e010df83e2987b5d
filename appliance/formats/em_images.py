"""Single images of electron microscopes, and stacks of sections: DM3, DM4, MRC, TIFF, PNG, JPEG.

Sections are read one by one, so that a stack may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, Invalid
from appliance.formats.dm import DM_SUFFIXES, read_dm
from appliance.formats.em_tiff import read_tiff_page, tiff_facts
from appliance.formats.mrc_stack import read_mrc_stack
from appliance.formats.slides import open_slide

__all__ = [
    "EM_IMAGE_SUFFIXES",
    "EM_STACK_SUFFIXES",
    "EmImage",
    "EmSections",
    "open_em_sections",
    "read_em_image",
]

_TIFF = (".tif", ".tiff")
_MRC = (".mrc", ".st", ".map", ".rec")
_PICTURES = (".png", ".jpg", ".jpeg")
EM_IMAGE_SUFFIXES = (*DM_SUFFIXES, ".mrc", *_TIFF, *_PICTURES)
"""Endings of single images."""
EM_STACK_SUFFIXES = (*_TIFF, *_MRC, *DM_SUFFIXES)
"""Endings of stacks, and of sections that lie in files of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class EmImage:
    """One image.

    Attributes
    ----------
    values : array (ny, nx), or (ny, nx, 3) of uint8 for colours
        The first row is the upper one.
    form : str
        ``mrc``, ``dm``, ``tiff`` or ``picture``.
    pixel_nm : float
        0 when unknown.
    """

    values: NDArray[Any]
    form: str
    pixel_nm: float

    @property
    def is_rgb(self) -> bool:
        """Whether it has colours."""
        return self.values.ndim == 3


@dataclass(frozen=True, slots=True, eq=False)
class EmSections:
    """A stack of sections, or what may be one.

    Attributes
    ----------
    shape : tuple of int
        (n, ny, nx).
    dtype : dtype
    is_rgb : bool
    pixel_nm : float
        0 when unknown.
    read : callable
        ``read(i)`` gives section i as `EmImage.values`.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    is_rgb: bool
    pixel_nm: float
    read: Callable[[int], NDArray[Any]]


def read_em_image(path: Path) -> EmImage:
    """Read a single image.

    Raises
    ------
    NotFound
        If there is no such file.
    FormatError
        If it is damaged, of an unknown type, or holds several images.
    SettingsError
        If the package that reads its format is not installed.
    """
    suffix = path.suffix.lower()
    if suffix in _PICTURES:
        return EmImage(_picture(path), "picture", 0.0)
    if suffix not in EM_IMAGE_SUFFIXES:
        raise _unknown(path, EM_IMAGE_SUFFIXES)
    sections = open_em_sections([path])
    if sections.shape[0] != 1:
        raise FormatError(
            f"{path.name} holds {sections.shape[0]} images, one is expected",
            hint="Stacks of sections and tilt series have jobs of their own.",
        )
    form = "dm" if suffix in DM_SUFFIXES else "mrc" if suffix == ".mrc" else "tiff"
    return EmImage(sections.read(0), form, sections.pixel_nm)


def open_em_sections(paths: Sequence[Path]) -> EmSections:
    """Open a stack: one file of many sections, or TIFF files of one section each, in their order.

    Raises
    ------
    NotFound, SettingsError
    Invalid
        If no file is named, or several that are not TIFF files of one section.
    FormatError
        If a file is damaged or of an unknown type, or sections are not alike.
    """
    if not paths:
        raise Invalid("no section is named")
    for path in paths:
        if path.suffix.lower() not in EM_STACK_SUFFIXES:
            raise _unknown(path, EM_STACK_SUFFIXES)
    if all(path.suffix.lower() in _TIFF for path in paths):
        return _tiffs(list(paths))
    if len(paths) > 1:
        raise Invalid(
            "several files are one stack only where each is a TIFF file",
            hint="Name stacks one by one.",
        )
    return _dm(paths[0]) if paths[0].suffix.lower() in DM_SUFFIXES else _mrc(paths[0])


def _unknown(path: Path, known: Sequence[str]) -> FormatError:
    return FormatError(
        f"{path.name} is of a type that is not read", hint=f"Known are {', '.join(known)}."
    )


def _picture(path: Path) -> NDArray[Any]:
    with open_slide(path) as slide:
        scene = slide.scenes[0]
        planes = scene.read(0, scene.shape[1])
    return np.moveaxis(planes, 0, -1) if scene.is_rgb else planes[0]


def _mrc(path: Path) -> EmSections:
    """Open an MRC file, whose first row is the lower one."""
    stack, facts = read_mrc_stack(path)
    n, ny, nx = stack.shape
    return EmSections(
        (n, ny, nx), stack.dtype, False, facts.pixel_angstrom / 10, lambda i: stack[i, ::-1]
    )


def _dm(path: Path) -> EmSections:
    image = read_dm(path)
    n, ny, nx = image.values.shape[:3]
    return EmSections(
        (n, ny, nx),
        image.values.dtype,
        image.is_rgb,
        image.pixel_nm,
        lambda i: np.asarray(image.values[i]),
    )


def _tiffs(paths: list[Path]) -> EmSections:
    facts = [tiff_facts(path) for path in paths]
    first = facts[0]
    if len(paths) == 1:
        return EmSections(
            (first.n, *first.shape),
            first.dtype,
            first.is_rgb,
            first.pixel_nm,
            lambda i: read_tiff_page(paths[0], i),
        )
    for path, one in zip(paths, facts, strict=True):
        _check_alike(path, one.n, one.shape, first.shape)
    return EmSections(
        (len(paths), *first.shape),
        first.dtype,
        any(one.is_rgb for one in facts),
        first.pixel_nm,
        lambda i: read_tiff_page(paths[i]),
    )


def _check_alike(path: Path, n: int, shape: tuple[int, int], first: tuple[int, int]) -> None:
    if n != 1:
        raise FormatError(
            f"{path.name} holds {n} images beside files of one section each",
            hint="Keep a file that is a stack of its own in a folder of its own.",
        )
    if shape != first:
        raise FormatError(
            f"{path.name} has {shape[1]} x {shape[0]} pixels, the first section has"
            f" {first[1]} x {first[0]}",
            hint="All sections of a stack are of one size; take out those that are not.",
        )

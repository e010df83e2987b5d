"""Opens a tilt series with the files beside it: angles, transforms, notes of SerialEM.

Reads and writes what IMOD does (.rawtlt, .tlt, .xf) and reads .mdoc; the images stay on the disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, Invalid, NotFound, atomic_write
from appliance.formats import MrcFacts, read_mrc_stack
from appliance.tomography.records import TiltAlignment, TiltSeries

__all__ = ["Mdoc", "read_mdoc", "read_series", "read_tlt", "read_xf", "write_tlt", "write_xf"]

Floats = NDArray[np.float64]
_MAX_TILT_DEG = 90.0
_SECTION = re.compile(r"^\[\s*(ZValue|FrameSet|MontSection|T)\s*=\s*(.*?)\s*\]$")
_TILT_AXIS = re.compile(r"Tilt axis angle\s*=\s*(-?\d+(?:\.\d+)?)", re.IGNORECASE)
_XF_NUMBERS = 6
_UNSET_ANGSTROM = (0.0, 1.0)  # what writers put into the header when they do not know


@dataclass(frozen=True, slots=True)
class Mdoc:
    """The notes of a series, as SerialEM wrote them.

    Attributes
    ----------
    entries : dict
        What is told of all sections.
    titles : tuple of str
    sections : tuple of dict
        What is told of each section, by number of section.
    """

    entries: dict[str, str] = field(default_factory=dict)
    titles: tuple[str, ...] = ()
    sections: tuple[dict[str, str], ...] = ()

    def numbers(self, name: str, *, growing: bool = False) -> Floats | None:
        """One value of every section; None unless each has it, but for a last one half written."""
        sections = self.sections
        if growing and name not in sections[-1]:
            sections = sections[:-1]
        try:
            return np.array([float(section[name].split()[0]) for section in sections])
        except (KeyError, ValueError, IndexError):
            return None

    @property
    def pixel_angstrom(self) -> float:
        """Edge of a pixel; 0 where nothing tells it."""
        told = [self.entries, *self.sections[:1]]
        spacings = [_number(part.get("PixelSpacing", "")) for part in told]
        return next((spacing for spacing in spacings if spacing), 0.0)

    @property
    def axis_deg(self) -> float | None:
        """Angle of the tilt axis, counterclockwise from +y, where the titles tell it."""
        return _axis_in_titles(self.titles)


def _axis_in_titles(titles: tuple[str, ...]) -> float | None:
    """The tilt axis that SerialEM wrote into a title."""
    found = [_TILT_AXIS.search(title) for title in titles]
    return next((float(match.group(1)) for match in found if match), None)


def read_series(
    path: Path, *, angles: Path | Sequence[float] | None = None, growing: bool = False
) -> TiltSeries:
    """Open a tilt series; its images stay on the disk.

    Parameters
    ----------
    path : Path
        The stack (.mrc, .st).
    angles : Path or sequence of float, optional
        A file of tilt angles or the angles themselves in degrees. Without it they come from
        BASENAME.rawtlt, .tlt, .mdoc beside the stack or from its extended header, in this order.
    growing : bool
        Whether the microscope may still write: then sections and angles that are both there count.

    Raises
    ------
    NotFound
        If the stack or the file of angles is missing.
    FormatError
        If the stack cannot be read, is a volume, or has no angles or another number of them.
    """
    images, facts = read_mrc_stack(path, growing=growing)
    notes = _notes(path)
    tilts, source = _angles(path, facts, notes, angles, growing=growing)
    count = min(len(tilts), len(images)) if growing else len(images)
    if len(tilts) != count and not growing:
        raise FormatError(
            f"{source} names {len(tilts)} tilt angles, but {path.name} holds {count} sections",
            hint="Each section needs its angle; correct the file or give another.",
        )
    return TiltSeries(
        path=path,
        images=images[:count],
        angles_deg=np.asarray(tilts[:count], float),
        pixel_nm=_pixel(facts, notes) / 10,
        axis_deg=_axis(facts, notes),
        exposure=_exposure(facts, notes, count),
        facts=_told(facts, notes, source),
    )


def _notes(path: Path) -> Mdoc:
    """What the .mdoc beside the stack says; nothing if there is none."""
    names = (f"{path.name}.mdoc", f"{path.stem}.mdoc", f"{path.stem}.st.mdoc")
    found = next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)
    return read_mdoc(found) if found else Mdoc()


def _angles(
    path: Path,
    facts: MrcFacts,
    notes: Mdoc,
    given: Path | Sequence[float] | None,
    *,
    growing: bool,
) -> tuple[Floats, str]:
    if isinstance(given, Path):
        return read_tlt(given), given.name
    if given is not None:
        return np.asarray(given, float), "the list"
    for angles, source in _sources(path, facts, notes, growing=growing):
        if angles is not None:
            return angles, source
    if facts.is_volume or path.stem.endswith(("_rec", "_full_rec")):
        raise FormatError(
            f"{path.name} is a volume, not a tilt series",
            hint="Give the stack of projections that it was made from.",
        )
    raise FormatError(
        f"{path.name} has no tilt angles",
        hint=f"Put {path.stem}.rawtlt with one angle a line, or its .mdoc, beside it.",
    )


def _sources(
    path: Path, facts: MrcFacts, notes: Mdoc, *, growing: bool
) -> Iterator[tuple[Floats | None, str]]:
    for suffix in (".rawtlt", ".tlt"):
        beside = path.with_suffix(suffix)
        if beside.is_file():
            yield read_tlt(beside), beside.name
    angles = notes.numbers("TiltAngle", growing=growing) if notes.sections else None
    yield angles, "its .mdoc"
    yield facts.tilt_angles, "its extended header"


def _pixel(facts: MrcFacts, notes: Mdoc) -> float:
    """In Ångström; the notes know it where the header holds a default."""
    if facts.pixel_angstrom in _UNSET_ANGSTROM:
        return notes.pixel_angstrom or facts.pixel_angstrom
    return facts.pixel_angstrom


def _axis(facts: MrcFacts, notes: Mdoc) -> float:
    told: tuple[Callable[[], float | None], ...] = (
        lambda: notes.axis_deg,
        lambda: _axis_in_titles(facts.titles),
        lambda: facts.axis_deg,
    )
    return next((axis for ask in told if (axis := ask()) is not None), 0.0)


def _exposure(facts: MrcFacts, notes: Mdoc, count: int) -> Floats | None:
    noted = notes.numbers("ExposureDose") if notes.sections else None
    for doses in (noted, facts.exposure):
        if doses is not None and len(doses) >= count and (doses[:count] > 0).any():
            return doses[:count]
    return None


def _told(facts: MrcFacts, notes: Mdoc, source: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "mode": facts.mode,
        "titles": list(facts.titles),
        "sections_promised": facts.sections_promised,
        "angles_from": source,
    }
    return told | ({"mdoc": asdict(notes)} if notes.sections else {})


def read_mdoc(path: Path) -> Mdoc:
    """Read the notes of a series.

    Raises
    ------
    NotFound
        If there is no such file.
    FormatError
        If it names no section.
    """
    entries: dict[str, str] = {}
    titles: list[str] = []
    sections: list[tuple[int, dict[str, str]]] = []
    for line in _lines(path):
        head = _SECTION.match(line)
        name, equals, value = (part.strip() for part in line.partition("="))
        if head and head.group(1) == "T":
            titles.append(head.group(2))
        elif head:
            sections.append((int(_number(head.group(2))), {}))
        elif equals:
            (sections[-1][1] if sections else entries)[name] = value
    if not sections:
        raise FormatError(f"{path.name} names no sections", hint="It is no .mdoc of a tilt series.")
    sections.sort(key=lambda section: section[0])
    return Mdoc(entries, tuple(titles), tuple(section for _, section in sections))


def read_tlt(path: Path) -> Floats:
    """Read tilt angles in degrees, one a line.

    Raises
    ------
    NotFound
        If there is no such file.
    FormatError
        If a line holds no angle of a tilt.
    """
    angles = []
    for number, line in enumerate(_lines(path), 1):
        angle = _number(line.replace(",", " ").split()[0], default=np.nan) if line else None
        if angle is not None and not abs(angle) <= _MAX_TILT_DEG:
            raise FormatError(
                f"line {number} of {path.name} is no tilt angle", hint="One angle in degrees each."
            )
        angles += [] if angle is None else [angle]
    return np.array(angles, float)


def write_tlt(path: Path, angles_deg: Floats) -> None:
    """Write tilt angles in degrees, one a line."""
    _write(path, "".join(f"{angle:8.2f}\n" for angle in angles_deg))


def read_xf(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read linear transforms: matrices (n, 2, 2) and shifts (n, 2) in pixels.

    Raises
    ------
    NotFound
        If there is no such file.
    FormatError
        If a line does not hold six numbers.
    """
    rows = [line.split() for line in _lines(path) if line]
    try:
        numbers = np.array(rows, float).reshape(len(rows), _XF_NUMBERS)
    except ValueError as error:
        raise FormatError(f"{path.name} does not hold six numbers a line") from error
    return numbers[:, :4].reshape(-1, 2, 2), numbers[:, 4:]


def write_xf(path: Path, alignment: TiltAlignment) -> None:
    """Write the transforms of an alignment as IMOD does.

    Raises
    ------
    Invalid
        If they are not all numbers.
    """
    rows = np.concatenate([alignment.matrices.reshape(-1, 4), alignment.shifts], 1)
    if not np.isfinite(rows).all():
        raise Invalid("an alignment that holds no numbers cannot be written")
    lines = (
        "".join([*(f"{n:12.7f}" for n in r[:4]), *(f"{n:12.3f}" for n in r[4:])]) for r in rows
    )
    _write(path, "".join(f"{line}\n" for line in lines))


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path.name}") from error
    return [line.strip() for line in text.splitlines()]


def _number(text: str, *, default: float = 0.0) -> float:
    try:
        return float(text)
    except ValueError:
        return default


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as stream:
        stream.write(text.encode("ascii"))

"""Rules that say which pixels of an object show who somebody is; others blacken them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from appliance.privacy.profile import table_lines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from appliance.formats import DicomPart

__all__ = [
    "Blackening",
    "Picture",
    "PixelArea",
    "PixelRule",
    "blackening_in",
    "blackening_of",
    "known_rules",
]

_SIZE = re.compile(r"(\d+|\*)x(\d+|\*)")
_AREA = re.compile(r"(\d+),\s*(\d+),\s*(\d+),\s*(\d+)")
_EXAMPLE = "'US | Philips* | EPIQ* | 768x1024 | 0,0,1024,49'"
_SHOWN_FORMATS = frozenset({"1", "2", "3", "4"})  # 2D, M-mode, spectral, waveform; no graphics
_LEAST_BLACK = 0.05  # regions that leave less of a picture have its texts within them
_TOLD = {
    "Modality": "modality",
    "Manufacturer": "manufacturer",
    "ManufacturerModelName": "model",
}
_CORNERS = (
    "RegionLocationMinX0",
    "RegionLocationMinY0",
    "RegionLocationMaxX1",
    "RegionLocationMaxY1",
)


class PixelArea(NamedTuple):
    """A rectangle in pixels, from the upper left corner of the picture."""

    x: int
    y: int
    width: int
    height: int


class PixelRule(msgspec.Struct, frozen=True, kw_only=True):
    """Which pictures a rule is for, and what of them it blackens.

    Attributes
    ----------
    modality, manufacturer, model : str
        Patterns with ``*``, in whatever case.
    rows, columns : int
        Size of the pictures; 0 is any.
    how : {"areas", "keep", "regions", "none"}
        Blackens its areas; all but its areas; all but the picture's own regions; nothing, because
        somebody has looked at such pictures.
    """

    modality: str
    manufacturer: str
    model: str
    rows: int
    columns: int
    how: Literal["areas", "keep", "regions", "none"]
    areas: tuple[PixelArea, ...] = ()

    @property
    def text(self) -> str:
        """The rule as it is written down."""
        size = f"{self.rows or '*'}x{self.columns or '*'}" if self.rows or self.columns else "*"
        areas = "; ".join(",".join(map(str, area)) for area in self.areas)
        what = {"areas": areas, "keep": f"keep {areas}"}.get(self.how, self.how)
        return f"{self.modality} | {self.manufacturer} | {self.model} | {size} | {what}"

    @classmethod
    def of(cls, text: str) -> PixelRule:
        """Read a rule.

        Raises
        ------
        ValueError
            If it is not written as it should be.
        """
        cells = [cell.strip() for cell in text.split("|")]
        if len(cells) != 5 or not all(cells):
            raise ValueError(f"{text!r} is no rule for pixels, such as {_EXAMPLE}")
        modality, manufacturer, model, size, what = cells
        found = _SIZE.fullmatch("*x*" if size == "*" else size)
        if found is None:
            raise ValueError(f"{size!r} is no size of a picture, such as 768x1024 (rows, columns)")
        rows, columns = (0 if one == "*" else int(one) for one in found.groups())
        how, areas = _what(what)
        return cls(
            modality=modality,
            manufacturer=manufacturer,
            model=model,
            rows=rows,
            columns=columns,
            how=how,
            areas=areas,
        )


class Picture(msgspec.Struct):
    """What of a header tells which rules are for it; filled element by element."""

    modality: str = ""
    manufacturer: str = ""
    model: str = ""
    rows: int = 0
    columns: int = 0
    regions: tuple[PixelArea, ...] = ()

    def see(self, part: DicomPart) -> None:
        """Take one element of the object itself in."""
        if part.keyword == "SequenceOfUltrasoundRegions":
            self.regions = _regions(part)
        elif part.keyword in _TOLD:
            setattr(self, _TOLD[part.keyword], "".join(part.texts).strip())
        elif part.keyword in ("Rows", "Columns"):
            text = "".join(part.texts)
            setattr(self, part.keyword.lower(), int(text) if text.isdigit() else 0)


class Blackening(msgspec.Struct, frozen=True):
    """Which rules are for a picture, and what they blacken together.

    Attributes
    ----------
    rules : tuple of str
        As they are written down.
    share : float
        Part of the picture that turns black.
    """

    rules: tuple[str, ...]
    share: float
    size: tuple[int, int]
    areas: tuple[PixelArea, ...]
    kept: tuple[tuple[PixelArea, ...], ...]

    def mask(self) -> NDArray[np.bool_]:
        """Give the pixels, (rows, columns), True where they turn black."""
        return _mask(self.size, self.areas, self.kept)


def blackening_of(picture: Picture, own: Sequence[PixelRule]) -> Blackening | None:
    """Tell what of a picture is blackened; None when no rule is for it.

    Parameters
    ----------
    picture : Picture
        The picture.
    own : sequence of PixelRule
        Rules of the project: the first that fits stands for itself, without ours.
    """
    size = picture.rows, picture.columns
    if not all(size):
        return None
    fitting = [rule for rule in own if _fits(rule, picture)][:1]
    if not fitting:
        fitting = [rule for rule in known_rules() if _fits(rule, picture)]
    if not fitting:
        return None
    areas = tuple(area for rule in fitting if rule.how == "areas" for area in rule.areas)
    kept = tuple(
        rule.areas if rule.how == "keep" else picture.regions
        for rule in fitting
        if rule.how in ("keep", "regions")
    )
    share = float(_mask(size, areas, kept).mean())
    return Blackening(tuple(rule.text for rule in fitting), share, size, areas, kept)


def blackening_in(parts: Iterable[DicomPart], own: Sequence[PixelRule]) -> Blackening | None:
    """Tell from the elements of an object what of it is blackened."""
    picture = Picture()
    for part in parts:
        picture.see(part)
    return blackening_of(picture, own)


@cache
def known_rules() -> tuple[PixelRule, ...]:
    """Give the rules that we know."""
    return tuple(PixelRule.of("|".join(line)) for line in table_lines("pixel_rules.tsv", 5))


def _what(text: str) -> tuple[Literal["areas", "keep", "regions", "none"], tuple[PixelArea, ...]]:
    if text in ("regions", "none"):
        return ("regions" if text == "regions" else "none"), ()
    keeps = text.startswith("keep ")
    areas = []
    for one in text.removeprefix("keep ").split(";"):
        found = _AREA.fullmatch(one.strip())
        if found is None or not (int(found[3]) and int(found[4])):
            raise ValueError(f"{one.strip()!r} is no area, such as 0,0,1024,49 (x,y,width,height)")
        areas.append(PixelArea(*map(int, found.groups())))
    return ("keep" if keeps else "areas"), tuple(areas)


def _fits(rule: PixelRule, picture: Picture) -> bool:
    if rule.rows not in (0, picture.rows) or rule.columns not in (0, picture.columns):
        return False
    pairs = (
        (picture.modality, rule.modality),
        (picture.manufacturer, rule.manufacturer),
        (picture.model, rule.model),
    )
    if not all(fnmatchcase(told.casefold(), wanted.casefold()) for told, wanted in pairs):
        return False
    return rule.how != "regions" or _tells_regions(picture)


def _tells_regions(picture: Picture) -> bool:
    """Tell whether the regions of a picture leave room for its texts beside them."""
    size = picture.rows, picture.columns
    if not picture.regions:
        return False
    share = float(_mask(size, (), (picture.regions,)).mean())
    return _LEAST_BLACK <= share < 1


def _regions(part: DicomPart) -> tuple[PixelArea, ...]:
    """Give the regions that hold an image or a curve; none when one of them is not told whole."""
    found = []
    for item in part.items:
        corners = [item.get(name) for name in _CORNERS]
        if not all(isinstance(one, int) for one in corners):
            return ()
        x, y, right, low = corners
        if right < x or low < y:
            return ()
        if str(item.get("RegionSpatialFormat")) in _SHOWN_FORMATS:
            found.append(PixelArea(x, y, right - x + 1, low - y + 1))
    return tuple(found)


@lru_cache(maxsize=32)
def _mask(
    size: tuple[int, int],
    areas: tuple[PixelArea, ...],
    kept: tuple[tuple[PixelArea, ...], ...],
) -> NDArray[np.bool_]:
    import numpy as np

    mask = np.zeros(size, np.bool_)
    _set(mask, areas)
    for some in kept:
        within = np.zeros(size, np.bool_)
        _set(within, some)
        mask |= ~within
    mask.flags.writeable = False
    return mask


def _set(mask: NDArray[np.bool_], areas: Iterable[PixelArea]) -> None:
    for x, y, width, height in areas:
        mask[y : y + height, x : x + width] = True

"""Which converter a series gets, and whether two of them agree about it."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.core import now_ms
from appliance.exchange.dcm2niix import Output, run_dcm2niix
from appliance.exchange.native import convert_natively
from appliance.exchange.tilted import place_tilted

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.exchange.context import Context
    from appliance.privacy import Converter

__all__ = ["Converted", "convert_objects", "differences", "is_shadowed", "record_comparison"]

_BUCKETS = 10_000
_PLACE_MM = 1e-3
_PLACE = (*range(268, 280), *range(292, 296), *range(308, 312), *range(324, 328))
"""Bytes of a NIfTI-1 header with the place of the first voxel: equal to a thousandth of a mm."""
_MOST_TOLD = 5


class Converted(msgspec.Struct, frozen=True, kw_only=True):
    """What a series became.

    Attributes
    ----------
    outputs : sequence of Output
        Main image first.
    films : sequence of Path
        What became neither image nor sidecar.
    native : bool
        Whether we wrote it ourselves.
    compared : bool
        Whether both converters were asked.
    differs : str
        Where they differ; empty when they agree, or were not compared.
    note : str
        What a person should know of it besides.
    """

    outputs: Sequence[Output] = ()
    films: Sequence[Path] = ()
    native: bool = False
    compared: bool = False
    differs: str = ""
    note: str = ""


def convert_objects(
    source: Path, target: Path, *, converter: Converter, shadowed: bool, timeout_s: float
) -> Converted:
    """Convert all objects in a folder.

    Parameters
    ----------
    source : Path
        Folder with the objects of one series.
    target : Path
        Empty folder for the results.
    converter : str
        As the project's policy has it.
    shadowed : bool
        Whether this series is one of those that are compared under ``auto``.

    Raises
    ------
    ConverterRefused
        If nothing can be made of them.
    """
    ours = None
    if converter != "dcm2niix":
        ours = _natively(source, target / "native", timeout_s)
    compare = converter == "verify" or (converter == "auto" and shadowed)
    if ours is not None and not compare:
        return Converted(outputs=ours, native=True)
    theirs = run_dcm2niix(source, _folder(target / "dcm2niix"), timeout_s=timeout_s)
    if ours is None:
        return Converted(outputs=place_tilted(theirs, source))
    return Converted(outputs=theirs, compared=True, differs=differences(ours, theirs))


def is_shadowed(key: str, share: float) -> bool:
    """Tell whether a series is among those that are compared; the same answer for the same key."""
    return zlib.crc32(key.encode()) % _BUCKETS < share * _BUCKETS


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _natively(source: Path, target: Path, timeout_s: float) -> list[Output] | None:
    from appliance.formats import NotPlain

    target.mkdir()
    paths = sorted(path for path in source.iterdir() if path.is_file())
    try:
        return convert_natively(paths, target, timeout_s=timeout_s)
    except NotPlain:
        shutil.rmtree(target)
        return None


def differences(ours: Sequence[Output], theirs: Sequence[Output]) -> str:
    """Say in a few words where two conversions differ; empty when they are equal."""
    if [one.variant for one in ours] != [one.variant for one in theirs]:
        return "number of images"
    found: list[str] = []
    for one, other in zip(ours, theirs, strict=True):
        found += _image_differences(one.image, other.image)
        found += _sidecar_differences(one.sidecars, other.sidecars)
    told = list(dict.fromkeys(found))
    more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return ", ".join(told[:_MOST_TOLD]) + more


def _image_differences(one: Path, other: Path) -> list[str]:
    import numpy as np

    a, b = np.memmap(one, np.uint8, "r"), np.memmap(other, np.uint8, "r")
    if a.size != b.size:
        return ["size of the image"]
    head_a, head_b = bytes(a[:348]), bytes(b[:348])
    found = [] if np.array_equal(a[348:], b[348:]) else ["voxels"]
    rest = [at for at in range(348) if head_a[at] != head_b[at]]
    if any(at not in _PLACE for at in rest) or _place_apart(head_a, head_b) > _PLACE_MM:
        found.append("header of the image")
    return found


def _place_apart(one: bytes, other: bytes) -> float:
    import numpy as np

    a, b = (np.frombuffer(bytes(head[at] for at in _PLACE), "<f4") for head in (one, other))
    return float(np.abs(a - b).max())


def _sidecar_differences(ours: Sequence[Path], theirs: Sequence[Path]) -> list[str]:
    mine, others = ({path.suffix: path for path in paths} for paths in (ours, theirs))
    found = [suffix.lstrip(".") for suffix in mine.keys() ^ others.keys()]
    for suffix in sorted(mine.keys() & others.keys()):
        if suffix != ".json":
            if mine[suffix].read_bytes() != others[suffix].read_bytes():
                found.append(suffix.lstrip("."))
            continue
        a, b = (msgspec.json.decode(paths[suffix].read_bytes()) for paths in (mine, others))
        found += sorted(key for key in a.keys() | b.keys() if a.get(key) != b.get(key))
    return found


def record_comparison(ctx: Context, series_id: int, converted: Converted) -> None:
    """Write down that both converters were asked, and what came out."""

    def write(tx: Tx) -> None:
        tx.con.execute(
            "INSERT INTO conversions_compared (series_id, at, differs) VALUES (?, ?, ?)"
            " ON CONFLICT (series_id) DO UPDATE SET at = excluded.at, differs = excluded.differs",
            (series_id, now_ms(), converted.differs),
        )

    ctx.catalog.write(write)

"""Series of several volumes of which some miss slices: which volumes are whole, beyond doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.exchange.converter import Converted
from appliance.exchange.dcm2niix import run_dcm2niix

if TYPE_CHECKING:
    from appliance.formats import DicomRecord

    Position = tuple[float, ...]
    VolumeOf = Callable[[DicomRecord], int]

__all__ = ["WholeVolumes", "convert_whole", "whole_volumes"]

_DIGITS = 3  # of a millimetre


class WholeVolumes(msgspec.Struct, frozen=True):
    """The objects of complete volumes, and what a person should know of the rest."""

    paths: list[Path]
    note: str


def whole_volumes(folder: Path) -> WholeVolumes | None:
    """Find the complete volumes of a series with gaps.

    Returns
    -------
    WholeVolumes or None
        None when no volume is incomplete, none is whole, or when it cannot be told which slice
        belongs to which volume.

    Notes
    -----
    A volume is told by AcquisitionNumber, else by InstanceNumber counted volume after volume or
    slice after slice. A way counts only if it gives every volume each position at most once.
    """
    from appliance.formats import DicomRecord, scan_dicom

    records = []
    for found in scan_dicom(sorted(path for path in folder.iterdir() if path.is_file())):
        if not isinstance(found, DicomRecord) or not _is_slice(found):
            return None
        records.append(found)
    if len({record.iop for record in records}) != 1:
        return None
    counts = Counter(map(_position, records))
    n_positions, n_volumes = len(counts), max(counts.values())
    if n_positions < 2 or n_volumes < 2 or len(records) == n_positions * n_volumes:
        return None
    for volume_of in _ways(records, n_positions, n_volumes):
        whole = _whole(records, volume_of, n_positions, n_volumes)
        if whole:
            return WholeVolumes([one.path for one in whole], _note(whole, n_positions, n_volumes))
    return None


def convert_whole(source: Path, folder: Path, *, timeout_s: float) -> Converted | None:
    """Convert the complete volumes alone, in a folder that is made for it.

    Returns
    -------
    Converted or None
        None where `whole_volumes` gives none.

    Raises
    ------
    ConverterRefused
        If nothing can be made of them either.
    """
    whole = whole_volumes(source)
    if whole is None:
        return None
    objects, made = folder / "in", folder / "out"
    objects.mkdir(parents=True)
    made.mkdir()
    for n, path in enumerate(whole.paths):
        (objects / f"{n:08d}.dcm").symlink_to(path.absolute())
    return Converted(outputs=run_dcm2niix(objects, made, timeout_s=timeout_s), note=whole.note)


def _is_slice(record: DicomRecord) -> bool:
    return record.frames == 1 and None not in (record.ipp, record.iop, record.instance_number)


def _position(record: DicomRecord) -> Position:
    return tuple(round(value, _DIGITS) for value in record.ipp or ())


def _ways(records: Sequence[DicomRecord], n_positions: int, n_volumes: int) -> Iterator[VolumeOf]:
    first = min(record.instance_number or 0 for record in records)
    if len({record.acquisition_number for record in records}) == n_volumes:
        yield lambda one: one.acquisition_number or 0
    if first <= 1:
        yield lambda one: ((one.instance_number or 0) - 1) // n_positions
        yield lambda one: ((one.instance_number or 0) - 1) % n_volumes


def _whole(
    records: Sequence[DicomRecord], volume_of: VolumeOf, n_positions: int, n_volumes: int
) -> list[DicomRecord]:
    """Give the slices of complete volumes; none when the way cannot be right."""
    volumes: dict[int, list[DicomRecord]] = {}
    for record in records:
        volumes.setdefault(volume_of(record), []).append(record)
    if len(volumes) != n_volumes:
        return []
    if any(len(set(map(_position, one))) != len(one) for one in volumes.values()):
        return []
    return [record for one in volumes.values() if len(one) == n_positions for record in one]


def _note(whole: Sequence[DicomRecord], n_positions: int, n_volumes: int) -> str:
    n_left = n_volumes - len(whole) // n_positions
    words = "lacks slices and is" if n_left == 1 else "lack slices and are"
    return (
        f"{n_left} of {n_volumes} volumes {words} left out of the image; all slices are kept with"
        " the originals, and those that come later complete it"
    )

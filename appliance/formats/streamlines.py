"""Streamlines: TCK of MRtrix and TRK of TrackVis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, atomic_write
from appliance.formats.guard import reading
from appliance.formats.kinds import suffix_of
from appliance.formats.library import nibabel
from appliance.formats.tck import read_tck
from appliance.geometry import Tractogram

__all__ = ["read_streamlines", "write_tck"]


def read_streamlines(path: Path) -> Tractogram:
    """Read all streamlines of a file.

    Parameters
    ----------
    path : Path
        ``.tck`` or ``.trk``.

    Returns
    -------
    Tractogram
        Points in world RAS+ mm; scalars and properties of TRK are kept.

    Raises
    ------
    FormatError
        If it is damaged, cut off or another format.
    NotFound, StorageError
        If the file is not there or not readable.
    """
    path = Path(path)
    if suffix_of(path) not in (".tck", ".trk"):
        raise FormatError(f"{path.name} holds no streamlines", hint="They are .tck or .trk files.")
    with reading(path, "streamline"):
        if suffix_of(path) == ".tck":
            return read_tck(path)
        loaded = nibabel("streamlines").load(path)
        _check_count(path, loaded)
        return _tractogram(loaded.tractogram, dict(loaded.header))


def write_tck(path: Path, tractogram: Tractogram, *, durable: bool = True) -> None:
    """Write streamlines as MRtrix reads them; values beside the points are not kept."""
    nib = nibabel("streamlines")
    inner = nib.Tractogram(list(tractogram), affine_to_rasmm=np.eye(4))
    with atomic_write(path, durable=durable) as stream:
        nib.TckFile(inner).save(stream)


def _check_count(path: Path, loaded: Any) -> None:
    """Refuse a TRK file with fewer streamlines than its header counts."""
    declared = int(loaded.header.get("nb_streamlines", 0) or 0)
    if declared > len(loaded.streamlines):
        raise FormatError(
            f"{path.name} is cut off: {len(loaded.streamlines)} of {declared} streamlines",
            hint="Copy the file again from its source.",
        )


def _tractogram(inner: Any, header: dict[str, Any]) -> Tractogram:
    lines = inner.streamlines
    counts = [len(line) for line in lines]
    return Tractogram(
        lines.get_data() if len(lines) else np.empty((0, 3), np.float32),
        np.concatenate(([0], np.cumsum(counts, dtype=np.int64))),
        {name: value.get_data() for name, value in inner.data_per_point.items()},
        _per_streamline(inner.data_per_streamline),
        {"format": "trk", "file": header.get("file", "")},
    )


def _per_streamline(values: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    return {name: np.asarray(value) for name, value in values.items()}

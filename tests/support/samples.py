"""Small real DICOM series and images for tests."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from appliance.upkeep.demo_dicom import MadePatient, MadeSeries, write_series

__all__ = ["BEN", "OBLIQUE", "blob", "tiny_series", "zip_of"]

BEN = MadePatient("DEMO^BEN", "DEMO-0002", "19751130", "M", "20240611", "101500")


def _oblique() -> Any:
    """Sagittal slices, tilted by some degrees, 3 x 3.5 x 4 mm."""
    c, s = np.cos(0.2), np.sin(0.2)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    axes = turn @ np.array([[0, 0, 4.0], [3.0, 0, 0], [0, -3.5, 0]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, [-30.0, -40.0, 50.0]
    return affine


OBLIQUE = _oblique()


def blob(shape: tuple[int, int, int] = (28, 24, 12)) -> Any:
    """A head-like blob with a gradient, so that no two voxels along an axis look alike."""
    grid = np.indices(shape, dtype=np.float64)
    middle = (np.array(shape) - 1).reshape(3, 1, 1, 1) / 2
    radius = np.sqrt((((grid - middle) / (middle + 0.5)) ** 2).sum(0))
    ramp = 3 * grid[0] + 5 * grid[1] + 7 * grid[2]
    return np.where(radius < 0.9, 400 + ramp, 10 + 0 * ramp).astype(np.int16)


def tiny_series(
    folder: Path,
    *,
    number: int = 3,
    description: str = "t1_mprage",
    patient: MadePatient | None = None,
    shape: tuple[int, int, int] = (28, 24, 12),
    affine: Any = None,
    extra: dict[str, Any] | None = None,
) -> list[Path]:
    """Write a small MR series and return its paths."""
    timing = {"RepetitionTime": "2000", "EchoTime": "2.3", "FlipAngle": "8"}
    series = MadeSeries(
        number=number,
        description=description,
        patient=patient or MadePatient(),
        extra={**timing, **(extra or {})},
    )
    return write_series(folder, blob(shape), OBLIQUE if affine is None else affine, series)


def zip_of(paths: list[Path], prefix: str = "export") -> bytes:
    """A zip with these files below `prefix`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, f"{prefix}/{path.name}")
    return buffer.getvalue()

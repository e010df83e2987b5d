"""The one door to SimpleITK, whose world is LPS+: here images cross it, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import ModelError, install_command
from appliance.geometry import Volume, flip_lps_ras

__all__ = ["from_itk", "itk", "ras_matrix", "to_itk"]

INSTALL = f"Install it beside the appliance: {install_command('processing')}"


def itk() -> Any:
    """Give the package.

    Raises
    ------
    ModelError
        If it is not installed.
    """
    try:
        import SimpleITK
    except ImportError as error:
        raise ModelError("SimpleITK is not installed", hint=INSTALL) from error
    sitk: Any = SimpleITK
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    return sitk


def to_itk(volume: Volume, frame: int = 0) -> Any:
    """Make an ITK image of one frame; truth values become bytes, other types stay."""
    data = volume.frame(frame)
    data = data.astype(np.uint8) if data.dtype == bool else data
    image = itk().GetImageFromArray(np.ascontiguousarray(data.transpose(2, 1, 0)))
    affine = flip_lps_ras(volume.affine)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing([float(size) for size in sizes])
    image.SetOrigin([float(x) for x in affine[:3, 3]])
    image.SetDirection([float(x) for x in (affine[:3, :3] / sizes).ravel()])
    return image


def from_itk(image: Any, like: Volume) -> Volume:
    """Take the values of an ITK image that lies on the grid of a volume."""
    data: NDArray[Any] = itk().GetArrayFromImage(image).transpose(2, 1, 0)
    return Volume(np.ascontiguousarray(data), like.affine, like.header)


def ras_matrix(transform: Any) -> NDArray[np.float64]:
    """Give the matrix (4, 4) of a linear ITK transform between RAS+ worlds."""
    corners = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    points = np.array([transform.TransformPoint([float(x) for x in one]) for one in corners])
    matrix = np.eye(4)
    matrix[:3, 3] = points[0]
    matrix[:3, :3] = (points[1:] - points[0]).T
    turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    flipped: NDArray[np.float64] = turn @ matrix @ turn
    return flipped

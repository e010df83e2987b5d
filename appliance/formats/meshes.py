"""Surfaces: GIFTI, FreeSurfer, STL, OBJ and PLY."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, Invalid, atomic_write
from appliance.formats.guard import reading
from appliance.formats.kinds import suffix_of
from appliance.formats.library import nibabel
from appliance.formats.ply import ply_mesh
from appliance.formats.polygons import obj_mesh, stl_mesh
from appliance.geometry import Mesh

__all__ = ["read_mesh", "write_mz3"]

_MZ3, _HAS_FACES, _HAS_POINTS = 23117, 1, 2
_GEOMETRY = (1008, 1009)  # intents of points and triangles


def read_mesh(path: Path) -> Mesh:
    """Read a surface.

    Parameters
    ----------
    path : Path
        ``.gii``, ``.gii.gz``, ``.stl``, ``.obj``, ``.ply`` or a surface of FreeSurfer.

    Returns
    -------
    Mesh
        World RAS+ mm. STL, OBJ and PLY files that say so in their header or a comment
        (``SPACE=LPS``, as 3D Slicer writes) are turned.

    Raises
    ------
    FormatError
        If it is damaged, cut off, another format, or holds values without a surface.
    NotFound, StorageError
        If the file is not there or not readable.
    """
    path = Path(path)
    reader = _READERS.get(suffix_of(path))
    if reader is None:
        raise FormatError(
            f"{path.name} is not a surface format that is read here",
            hint="Surfaces are GIFTI, STL, OBJ, PLY or FreeSurfer files.",
        )
    try:
        with reading(path, "surface"):
            return reader(path)
    except FormatError:
        raise
    except Invalid as error:
        raise FormatError(
            f"{path.name} is damaged: {error}", hint="Save it again from its source."
        ) from error


def write_mz3(path: Path, mesh: Mesh) -> None:
    """Write points and triangles as Surf Ice's MZ3, which viewers read without parsing.

    Raises
    ------
    FormatError
        If there are no triangles, or places that are no numbers.
    """
    if not mesh.n_faces or not np.isfinite(mesh.vertices).all():
        raise FormatError("the surface has no triangles, or places that are no numbers")
    counts = np.array([mesh.n_faces, mesh.n_vertices, 0], "<u4")
    with atomic_write(path, durable=False) as stream:
        stream.write(np.array([_MZ3, _HAS_FACES | _HAS_POINTS], "<u2").tobytes())
        stream.write(counts.tobytes())
        stream.write(mesh.faces.astype("<i4", copy=False).tobytes())
        stream.write(mesh.vertices.astype("<f4", copy=False).tobytes())


def _gifti_mesh(path: Path) -> Mesh:
    image = nibabel().load(path)
    points = image.agg_data("pointset")
    faces = image.agg_data("triangle")
    if not isinstance(points, np.ndarray) or not isinstance(faces, np.ndarray):
        raise FormatError(
            f"{path.name} holds values without a surface",
            hint="Open the surface it belongs to (.surf.gii).",
        )
    return Mesh(points, faces, _gifti_values(image, len(points)))


def _gifti_values(image: Any, count: int) -> dict[str, NDArray[Any]]:
    arrays = [array for array in image.darrays if array.intent not in _GEOMETRY]
    return {
        str(array.meta.get("Name") or f"values{index}"): array.data
        for index, array in enumerate(arrays)
        if len(array.data) == count
    }


def _freesurfer_mesh(path: Path) -> Mesh:
    """Read a FreeSurfer surface and shift it from its own centre to the scanner's."""
    points, faces, facts = nibabel("freesurfer").read_geometry(path, read_metadata=True)
    center = np.asarray(facts.get("cras", (0, 0, 0)), float)
    return Mesh(points + center, faces)


_READERS: dict[str, Callable[[Path], Mesh]] = {
    ".gii": _gifti_mesh,
    ".gii.gz": _gifti_mesh,
    ".stl": stl_mesh,
    ".obj": obj_mesh,
    ".ply": ply_mesh,
    **dict.fromkeys(
        (".pial", ".white", ".inflated", ".orig", ".smoothwm", ".sphere"), _freesurfer_mesh
    ),
}

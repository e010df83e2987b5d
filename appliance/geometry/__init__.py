"""Values all imaging rooms share: affines, grids, volumes, meshes, tractograms, transforms.

Pure numpy; reads and writes no file. The words are defined in the module docstrings: `affines` for
voxel, world and affine, `orientation` for codes, `transforms` for directions.
"""

from __future__ import annotations

from appliance.geometry.affines import (
    GridMismatch,
    as_affine,
    flip_lps_ras,
    invert,
    max_corner_distance,
    voxel_sizes,
    voxel_to_world,
    world_to_voxel,
)
from appliance.geometry.grid import Grid
from appliance.geometry.mesh import Mesh
from appliance.geometry.orientation import (
    ALL_ORIENTATIONS,
    AxisMap,
    axis_map,
    opposite,
    orientation_codes,
)
from appliance.geometry.tractogram import Tractogram
from appliance.geometry.transforms import Transform
from appliance.geometry.volume import Volume, nearest

__all__ = [
    "ALL_ORIENTATIONS",
    "AxisMap",
    "Grid",
    "GridMismatch",
    "Mesh",
    "Tractogram",
    "Transform",
    "Volume",
    "as_affine",
    "axis_map",
    "flip_lps_ras",
    "invert",
    "max_corner_distance",
    "nearest",
    "opposite",
    "orientation_codes",
    "voxel_sizes",
    "voxel_to_world",
    "world_to_voxel",
]

"""The demo's head: a real T1 template from a package, or a phantom; reads or makes arrays only."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Head", "crop_to_brain", "load_head", "phantom_head", "reorient", "template_folder"]

TEMPLATE = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
MARGIN_VOXELS = 16


@dataclass(frozen=True)
class Head:
    """One head on one grid.

    Attributes
    ----------
    t1 : ndarray
        uint8 (I, J, K), T1-weighted intensities.
    gm, wm : ndarray
        uint8 (I, J, K), share of grey and white matter, 255 = all.
    affine : ndarray
        Voxel -> world, RAS+ mm.
    source : str
        Where it comes from, for the summary.
    """

    t1: NDArray[np.uint8]
    gm: NDArray[np.uint8]
    wm: NDArray[np.uint8]
    affine: NDArray[np.float64]
    source: str

    @property
    def brain(self) -> NDArray[np.bool_]:
        """Voxels of grey and white matter (and what they enclose in the template)."""
        return np.asarray(self.t1 > 40, dtype=np.bool_)


def template_folder(packages: Path | None) -> Path | None:
    """Find the folder with the T1, grey and white matter templates.

    Parameters
    ----------
    packages : Path or None
        Folder of unpacked demo packages; without it an installed nilearn is looked for.
    """
    spec = importlib.util.find_spec("nilearn")
    installed = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    for base in [packages / "nilearn" if packages else None, *installed]:
        if base is not None and (base / "datasets/data" / TEMPLATE.format("t1")).is_file():
            return base / "datasets/data"
    return None


def load_head(packages: Path | None = None) -> Head:
    """Read the real template with a drawn skull and scalp, or make the phantom."""
    folder = template_folder(packages)
    if folder is None:
        return _with_scalp(phantom_head())
    t1, affine = _read(folder / TEMPLATE.format("t1"))
    gm, _ = _read(folder / TEMPLATE.format("gm"))
    wm, _ = _read(folder / TEMPLATE.format("wm"))
    return _with_scalp(crop_to_brain(Head(t1, gm, wm, affine, "ICBM 152 2009a template")))


def crop_to_brain(head: Head, margin: int = MARGIN_VOXELS) -> Head:
    """Cut the grid to the brain and pad it by `margin` voxels of nothing."""
    where = np.nonzero(head.brain)
    low = np.array([axis.min() for axis in where])
    high = np.array([axis.max() + 1 for axis in where])
    cut = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    affine = head.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ (low - margin)
    t1, gm, wm = (np.pad(array[cut], margin) for array in (head.t1, head.gm, head.wm))
    return Head(t1, gm, wm, affine, head.source)


def phantom_head(voxel_mm: float = 2.0) -> Head:
    """Make a head of ellipsoids about the size and place of a real one.

    Parameters
    ----------
    voxel_mm : float
        Edge of the cubic voxels; 2 mm gives 88 x 106 x 90.
    """
    low, high = np.array([-88.0, -122.0, -82.0]), np.array([88.0, 90.0, 98.0])
    shape = tuple(int(n) for n in np.round((high - low) / voxel_mm))
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = low + voxel_mm / 2
    axes = [affine[a, 3] + voxel_mm * np.arange(shape[a]) for a in range(3)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    folds = 0.05 * np.sin(x / 5) * np.sin(y / 6) * np.sin(z / 5)
    radius = np.sqrt((x / 70) ** 2 + ((y + 17) / 88) ** 2 + ((z - 8) / 68) ** 2) + folds * 0.4
    inner = np.sqrt((x / 57) ** 2 + ((y + 17) / 75) ** 2 + ((z - 8) / 56) ** 2) + folds * 3
    ventricle = ((np.abs(x) - 12) / 7) ** 2 + ((y + 12) / 30) ** 2 + ((z - 14) / 9) ** 2 < 1
    nuclei = ((np.abs(x) - 22) / 10) ** 2 + ((y + 8) / 20) ** 2 + ((z - 2) / 11) ** 2 < 1
    brain = radius < 1
    white = brain & (inner < 1) & ~ventricle & ~nuclei
    grey = brain & ~white & ~ventricle
    t1 = (170 * grey + 225 * white + 70 * (brain & ventricle)).astype(np.uint8)
    share = [np.where(part, 255, 0).astype(np.uint8) for part in (grey, white)]
    return Head(t1, share[0], share[1], affine, "phantom of ellipsoids")


def reorient(
    data: NDArray[Any], affine: NDArray[np.float64], order: tuple[int, int, int], flip: str
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Permute and flip the voxel axes; every voxel keeps its place in the world.

    Parameters
    ----------
    data : ndarray
        (I, J, K).
    affine : ndarray
        Voxel -> world.
    order : tuple of int
        Which old axis becomes the first, second and third.
    flip : str
        Three characters, "-" where the new axis runs against the old one, "+" where not.
    """
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    out = data.transpose(order)
    for new, old in enumerate(order):
        against = flip[new] == "-"
        turn[old, new] = -1 if against else 1
        turn[old, 3] = data.shape[old] - 1 if against else 0
    out = out[tuple(slice(None, None, -1 if sign == "-" else 1) for sign in flip)]
    return out, affine @ turn


def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A template as stored, with its affine."""
    from appliance.formats import read_volume

    volume = read_volume(path)
    return np.asarray(volume.data).astype(np.uint8), np.asarray(volume.affine, dtype=np.float64)


def _with_scalp(head: Head) -> Head:
    """Draw skull and scalp round the brain, so that a brain mask has something to leave out."""
    from scipy import ndimage

    solid = ndimage.binary_closing(head.brain[::2, ::2, ::2], iterations=3)
    step_mm = 2 * float(np.linalg.norm(head.affine[:3, 0]))
    outside = ndimage.distance_transform_edt(~solid) * step_mm
    factors = [n / m for n, m in zip(head.t1.shape, outside.shape, strict=True)]
    away = ndimage.zoom(outside.astype(np.float32), factors, order=1)
    t1 = head.t1.copy()
    t1[(away > 0) & (away <= 4) & ~head.brain] = 38
    t1[(away > 4) & (away <= 9)] = 16
    t1[(away > 9) & (away <= 14)] = 205
    return Head(t1, head.gm, head.wm, head.affine, head.source)

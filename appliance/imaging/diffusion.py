"""Diffusion tensors: fitted by dipy, told in the world, and followed as streamlines.

The gradient table is FSL's: directions along the image's axes, the first of them turned round when
the affine keeps the handedness. Tensors and directions that come out are in RAS+ of the world.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid, ModelError
from appliance.geometry import Tractogram, Volume, invert, voxel_to_world
from appliance.imaging.itk import INSTALL

__all__ = ["MAPS", "TrackRules", "fit_tensor", "foreground", "read_gradients", "track"]

MAPS = ("fa", "md", "ad", "rd", "v1", "color_fa", "tensor")
_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
_B0_MAX = 50.0
_LIMIT = 200_000


@dataclass(frozen=True)
class TrackRules:
    """When a streamline stops, and which are kept; lengths in mm, the angle in degrees."""

    fa: float = 0.2
    angle: float = 45.0
    step_mm: float = 0.5
    min_mm: float = 20.0
    max_mm: float = 250.0


def read_gradients(bval_text: str, bvec_text: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read the two text files of a gradient table.

    Returns
    -------
    tuple of ndarray
        b values (N,) in s/mm², and directions (N, 3) along the image's axes as FSL means them.

    Raises
    ------
    Invalid
        If they hold no numbers, or do not fit each other.
    """
    try:
        values = np.array([float(word) for word in bval_text.replace(",", " ").split()])
        rows = [line.replace(",", " ").split() for line in bvec_text.splitlines() if line.strip()]
        table = np.array([[float(word) for word in row] for row in rows])
    except ValueError as error:
        raise Invalid(f"the gradient table holds no numbers: {error}") from error
    if table.ndim == 2 and table.shape == (3, len(values)):
        table = table.T
    if not len(values) or table.shape != (len(values), 3):
        raise Invalid(f"{len(values)} b values do not fit directions of shape {table.shape}")
    return values, table


def foreground(volume: Volume, bvals: NDArray[Any]) -> Volume:
    """Make a mask of the brain from the images without weighting: dipy's median and Otsu.

    Raises
    ------
    ModelError
        If dipy is not installed.
    """
    try:
        from dipy.segment.mask import median_otsu
    except ImportError as error:
        raise ModelError("dipy is not installed", hint=INSTALL) from error
    plain = volume.data[..., bvals <= _B0_MAX].mean(axis=-1).astype(np.float64)
    _, mask = median_otsu(plain, median_radius=2, numpass=1)
    return Volume(np.asarray(mask, np.uint8), volume.affine, volume.header)


def fit_tensor(
    volume: Volume,
    bvals: NDArray[Any],
    bvecs: NDArray[Any],
    mask: Volume | None = None,
) -> dict[str, Volume]:
    """Fit a diffusion tensor in every voxel, by weighted least squares.

    Parameters
    ----------
    volume : Volume
        (I, J, K, N).
    bvals, bvecs : ndarray
        As `read_gradients` gives them.
    mask : Volume, optional
        Where to fit, on the same grid.

    Returns
    -------
    dict of str to Volume
        By the names of `MAPS`: fractional anisotropy, mean, axial and radial diffusivity in mm²/s,
        first direction (RAS), it times FA as colours, and the tensor: Dxx Dxy Dxz Dyy Dyz Dzz.

    Raises
    ------
    Invalid
        If the table does not fit the image, or has too few directions.
    ModelError
        If dipy is not installed.
    """
    try:
        from dipy.core.gradients import gradient_table
        from dipy.reconst.dti import TensorModel
    except ImportError as error:
        raise ModelError("dipy is not installed", hint=INSTALL) from error
    _check_table(volume, bvals, mask)
    world = _world_directions(bvecs, volume.affine)
    weighted = bvals > _B0_MAX
    world[~weighted] = 0
    table = gradient_table(bvals=bvals, bvecs=world, b0_threshold=_B0_MAX)
    inside = None if mask is None else mask.frame() > 0
    model: Any = TensorModel
    fit = model(table, fit_method="WLS").fit(volume.data.astype(np.float64), mask=inside)
    first, tensor = fit.directions[..., 0, :], fit.quadratic_form
    found = {
        "fa": fit.fa,
        "md": fit.md,
        "ad": fit.ad,
        "rd": fit.rd,
        "v1": first,
        "color_fa": np.abs(first) * np.nan_to_num(fit.fa)[..., None],
        "tensor": np.stack([tensor[..., i, j] for i, j in _PAIRS], axis=-1),
    }
    return {name: _plain(volume, array) for name, array in found.items()}


def track(
    tensor: Volume,
    seeds: Volume,
    *,
    mask: Volume | None = None,
    per_voxel: int = 1,
    rules: TrackRules | None = None,
    seed: int = 1,
) -> Tractogram:
    """Follow the first direction of a tensor field both ways from seeds.

    Parameters
    ----------
    tensor : Volume
        (I, J, K, 6): Dxx Dxy Dxz Dyy Dyz Dzz in RAS+.
    seeds : Volume
        Everything above 0 gets seeds; on any grid.
    mask : Volume, optional
        Streamlines end where they leave it; on any grid.
    per_voxel : int
        Seeds in each voxel, at random places.
    rules : TrackRules, optional
        Where streamlines end.
    seed : int
        Of the random places.

    Returns
    -------
    Tractogram
        In RAS+ mm.

    Raises
    ------
    Invalid
        If the tensor has not six components, or there are no seeds or far too many.
    """
    if tensor.n_volumes != 6:
        raise Invalid("a tensor image has six components", hint="DTI fit makes one.")
    follow = rules or TrackRules()
    starts = _starts(seeds, per_voxel, seed)
    field = _Field(tensor, mask, follow)
    direction, alive = field.directions(starts)
    starts, direction = starts[alive], direction[alive]
    there = _walk(field, starts, direction, follow)
    back = _walk(field, starts, -direction, follow)
    lines = [np.concatenate([one[::-1], other[1:]]) for one, other in zip(back, there, strict=True)]
    found = Tractogram.from_streamlines(lines)
    lengths = found.lengths_mm()
    kept = (lengths >= follow.min_mm) & (lengths <= follow.max_mm)
    return found.subset(np.flatnonzero(kept))


class _Field:
    """Directions of a tensor image at any place."""

    def __init__(self, tensor: Volume, mask: Volume | None, rules: TrackRules) -> None:
        self._tensor, self._mask, self._rules = tensor, mask, rules
        self._pull = invert(tensor.affine)
        self._mask_pull = None if mask is None else invert(mask.affine)

    def directions(self, points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Give first directions (N, 3), and where there is one at all."""
        from scipy.ndimage import map_coordinates

        index = voxel_to_world(self._pull, points).T
        parts = [
            map_coordinates(self._tensor.data[..., c], index, order=1, mode="constant")
            for c in range(6)
        ]
        matrices = np.empty((len(points), 3, 3))
        for part, (i, j) in zip(parts, _PAIRS, strict=True):
            matrices[:, i, j] = matrices[:, j, i] = part
        values, vectors = np.linalg.eigh(matrices)
        alive = _anisotropy(values) >= self._rules.fa
        if self._mask is not None and self._mask_pull is not None:
            place = voxel_to_world(self._mask_pull, points).T
            alive &= map_coordinates(self._mask.frame() > 0, place, order=0, mode="constant")
        return vectors[:, :, 2], alive


def _walk(
    field: _Field, starts: NDArray[Any], first: NDArray[Any], rules: TrackRules
) -> list[NDArray[Any]]:
    """Go on from all starts at once, each until its end; midpoint steps."""
    steps = int(rules.max_mm / rules.step_mm)
    path = [starts]
    alive, going, last = np.arange(len(starts)), starts, first
    ends = np.ones(len(starts), np.int64)
    sharp = np.cos(np.deg2rad(rules.angle))
    for _ in range(steps):
        if not len(alive):
            break
        half, _ = field.directions(going + last * (rules.step_mm / 2))
        half *= np.sign(np.sum(half * last, axis=1, keepdims=True)) + 0.0
        turned = np.sum(half * last, axis=1) >= sharp
        onward = going + half * rules.step_mm
        ahead, there = field.directions(onward)
        kept = turned & there
        row = np.full_like(starts, np.nan)
        row[alive[kept]] = onward[kept]
        path.append(row)
        ends[alive[kept]] += 1
        alive, going, last = alive[kept], onward[kept], half[kept]
        ahead = ahead[kept]
        last = ahead * np.sign(np.sum(ahead * last, axis=1, keepdims=True))
    whole = np.stack(path, axis=1)
    return [whole[n, : ends[n]] for n in range(len(starts))]


def _anisotropy(values: NDArray[Any]) -> NDArray[Any]:
    values = np.maximum(values, 0)
    spread = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    size = (values**2).sum(axis=1)
    share = np.where(size > 0, spread / np.where(size > 0, size, 1), 0)
    return np.asarray(np.sqrt(1.5 * share))


def _starts(seeds: Volume, per_voxel: int, seed: int) -> NDArray[Any]:
    index = np.argwhere(seeds.frame() > 0)
    count = len(index) * per_voxel
    if not count:
        raise Invalid("the seed mask is empty")
    if count > _LIMIT:
        raise Invalid(f"{count} seeds are too many", hint=f"At most {_LIMIT}: use a smaller mask.")
    random = np.random.default_rng(seed)
    jitter = random.uniform(-0.5, 0.5, (count, 3)) if per_voxel > 1 else np.zeros((count, 3))
    return seeds.grid.to_world(np.repeat(index, per_voxel, axis=0) + jitter)


def _world_directions(bvecs: NDArray[Any], affine: NDArray[Any]) -> NDArray[Any]:
    """Turn FSL's directions into the world."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    along = bvecs.astype(np.float64).copy()
    if np.linalg.det(axes) > 0:
        along[:, 0] *= -1
    world = along @ axes.T
    length = np.linalg.norm(world, axis=1, keepdims=True)
    return np.asarray(world / np.where(length > 0, length, 1))


def _check_table(volume: Volume, bvals: NDArray[Any], mask: Volume | None) -> None:
    if volume.n_volumes != len(bvals):
        raise Invalid(f"{volume.n_volumes} images do not fit {len(bvals)} b values")
    if (bvals > _B0_MAX).sum() < 6:
        raise Invalid("a tensor needs at least six directions")
    if not (bvals <= _B0_MAX).any():
        raise Invalid("a tensor needs an image without weighting (b = 0)")
    if mask is not None and not mask.grid.matches(volume.grid):
        raise Invalid("the mask lies on another grid")


def _plain(volume: Volume, array: NDArray[Any]) -> Volume:
    values = np.nan_to_num(np.asarray(array, np.float32))
    return Volume(values, volume.affine, volume.header)

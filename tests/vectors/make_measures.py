"""Write the vectors that ROI measures in Python and in TypeScript are both held to.

Nothing here calls a kernel: the rules are written out with numpy, voxel by voxel where they differ.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from make_roi import OBLIQUE, blobs, runs

PATH = Path(__file__).parent / "roi_measures.json"
PERCENTS = [0, 5, 62.5, 97.5, 100]
# Off by a part of a voxel, so that no centre lies between two voxels of the image.
PULL = [[0.5, 0, 0, 0.13], [0, 0.5, 0, -0.21], [0, 0, 0.5, 0.17], [0, 0, 0, 1.0]]
FINE = (np.array(OBLIQUE) @ np.array(PULL)).tolist()


def quantile(values: Any, percent: float, nora: bool) -> float:
    """NORA takes sorted value number floor(n p); else numpy's rule."""
    if not nora:
        return float(np.percentile(values, percent))
    return float(np.sort(values)[min(len(values) - 1, int(len(values) * percent / 100))])


def inside(image: Any, affine: Any, mask: Any, roi_affine: Any) -> tuple[Any, Any]:
    """Voxels of the ROI, and the value of the image voxel nearest to each; NaN outside."""
    voxels = np.argwhere(mask)
    world = voxels @ np.array(roi_affine)[:3, :3].T + np.array(roi_affine)[:3, 3]
    inverse = np.linalg.inv(np.array(affine))
    at = np.floor(world @ inverse[:3, :3].T + inverse[:3, 3] + 0.5).astype(int)
    known = ((at >= 0) & (at < image.shape)).all(1)
    values = np.full(len(voxels), np.nan)
    values[known] = image[tuple(at[known].T)]
    return voxels, values


def expected(voxels: Any, values: Any, roi_affine: Any, zeros: bool, nora: bool) -> dict[str, Any]:
    """The numbers of one row."""
    used = ~np.isnan(values) & ~(zeros & (values == 0))
    some, counted = values[used], voxels[used] if nora else voxels
    linear = np.array(roi_affine)[:3, :3]
    edges = np.linalg.norm(linear, axis=0)
    area = edges[0] * edges[1] if nora else np.linalg.norm(np.cross(linear[:, 0], linear[:, 1]))
    volume = np.prod(edges) if nora else abs(np.linalg.det(linear))
    slices = np.unique(counted[:, 2], return_counts=True)[1]
    return {
        "n_used": len(some),
        "median": quantile(some, 50, nora),
        "iqr1": quantile(some, 25, nora),
        "iqr2": quantile(some, 75, nora),
        "mean": float(some.mean()),
        "std": float(np.sqrt((some**2).mean() - some.mean() ** 2)),
        "minimum": float(some.min()),
        "maximum": float(some.max()),
        "percentiles": {f"{p:g}": quantile(some, p, nora) for p in PERCENTS},
        "volume_ml": len(counted) * float(volume) / 1000,
        "area_cm2": len(counted) * float(area) / 100,
        "area_max_cm2": int(slices.max()) * float(area) / 100,
        "n_slices": len(slices),
    }


def cases() -> list[dict[str, Any]]:
    """The image's own grid and a finer one, with all rules."""
    shape = (9, 8, 7)
    rng = np.random.default_rng(11)
    image = rng.integers(-20, 400, shape)
    image[rng.random(shape) < 0.15] = 0
    made = []
    for grid, size in ((OBLIQUE, shape), (FINE, (20, 17, 12))):
        mask = blobs(size, 12)
        voxels, values = inside(image, OBLIQUE, mask, grid)
        for zeros, nora in product((False, True), repeat=2):
            facts = {
                "name": f"{'own' if size == shape else 'finer'} grid, {zeros=}, {nora=}",
                "image": image.ravel(order="F").tolist(),
                "shape": shape,
                "affine": OBLIQUE,
                "roi": {"shape": size, "affine": grid, "mask": runs(mask)},
                "zeros": zeros,
                "nora": nora,
                "percents": PERCENTS,
            }
            made.append({**facts, "expected": expected(voxels, values, grid, zeros, nora)})
    return made


def main() -> None:
    """Write the file."""
    text = json.dumps(cases(), separators=(",", ":"))
    PATH.write_text(text.replace('{"name"', '\n{"name"').rstrip("]") + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Write the vectors that the ROI kernels in Python and in TypeScript are both held to.

Nothing here calls a kernel: what is expected comes from scipy, or from the rule written out with
numpy. Masks are pairs of first index and length, i fastest.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

FOLDER = Path(__file__).parent / "roi"
OBLIQUE = [
    [-1.2, 0.1, 0.3, 14.0],
    [0.15, 0.9, -0.2, -11.0],
    [-0.2, 0.25, 2.0, -7.5],
    [0.0, 0.0, 0.0, 1.0],
]


def runs(mask: Any) -> list[int]:
    """Pairs of first index and length."""
    flat = np.concatenate([[0], (np.asarray(mask) > 0).ravel(order="F").astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(flat))
    return np.stack([edges[::2], np.diff(edges)[::2]], 1).ravel().tolist()


def blobs(shape: tuple[int, ...], seed: int, sigma: float = 1.2, share: float = 0.35) -> Any:
    """A random mask with parts of many sizes, some of them at the border."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), sigma)
    return noise > np.quantile(noise, 1 - share)


MASKS = {
    "blobs": blobs((13, 9, 7), 1),
    "salt": blobs((11, 10, 8), 2, 0.5, 0.2),
    "odd row": blobs((5, 6, 9), 3),
    "one slice": blobs((12, 10, 1), 4),
    "line": blobs((1, 1, 23), 5, 0.6),
    "empty": np.zeros((4, 5, 6), bool),
    "full": np.ones((6, 5, 4), bool),
    "wide": blobs((67, 4, 3), 6, 1.0, 0.5),
    "deep": blobs((3, 4, 131), 7, 1.0, 0.5),
    "bars": np.arange(70)[:, None, None] % 67 > np.arange(25).reshape(5, 5) % 6,
    "corner": np.pad(np.ones((1, 1, 1), bool), ((4, 0), (0, 4), (0, 4))),
}


def case(name: str, op: str, mask: Any, expected: Any, **params: Any) -> dict[str, Any]:
    """One vector."""
    return {
        "name": name,
        "op": op,
        "shape": list(mask.shape),
        "mask": runs(mask),
        "params": params,
        "expected": runs(expected) if isinstance(expected, np.ndarray) else expected,
    }


def morphology() -> list[dict[str, Any]]:
    """Erosion counts what is outside as on, dilation as off; closing has room outside."""

    def erode(mask: Any, n: int) -> Any:
        return ndimage.binary_erosion(mask, iterations=n, border_value=1)

    def dilate(mask: Any, n: int) -> Any:
        return ndimage.binary_dilation(mask, iterations=n)

    rules = {
        "erode": erode,
        "dilate": dilate,
        "open": lambda mask, n: dilate(erode(mask, n), n),
        "close": lambda mask, n: erode(dilate(np.pad(mask, n), n), n)[(slice(n, -n),) * 3],
    }
    return [
        case(name, op, mask, rule(mask, steps), steps=steps)
        for name, mask in MASKS.items()
        for op, rule in rules.items()
        for steps in (1, 2)
    ]


def ordered_parts(mask: Any) -> tuple[Any, list[int]]:
    """Labels by falling size; equal ones by their first voxel, i fastest."""
    labels, n = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    first = [int(np.argmax((labels == i + 1).ravel(order="F"))) for i in range(n)]
    order = sorted(range(n), key=lambda i: (-sizes[i], first[i]))
    out = np.zeros_like(labels)
    for rank, i in enumerate(order):
        out[labels == i + 1] = rank + 1
    return out, [int(sizes[i]) for i in order]


def filled(mask: Any) -> Any:
    """Holes of what cannot be reached from a side; axes of one voxel have none."""
    thick = [axis for axis, n in enumerate(mask.shape) if n > 1]
    flat = mask.reshape([mask.shape[axis] for axis in thick])
    return ndimage.binary_fill_holes(flat).reshape(mask.shape)


def components() -> list[dict[str, Any]]:
    """Parts, salt, largest and holes."""
    out = []
    for name, mask in MASKS.items():
        labels, sizes = ordered_parts(mask)
        keep = [i + 1 for i, n in enumerate(sizes) if n > 3]
        out.append(case(name, "sizes", mask, sizes))
        out.append(case(name, "part", mask, labels == 2, part=2))
        out.append(case(name, "salt", mask, np.isin(labels, keep), threshold=3))
        out.append(case(name, "largest", mask, (labels > 0) & (labels <= 2), count=2))
        out.append(case(name, "fill", mask, filled(mask)))
    shell = np.zeros((9, 8, 7), bool)
    shell[0:7, 0:7, 0:6] = True
    shell[2:5, 2:5, 2:4] = False
    out.append(case("hole, corner on", "fill", shell, filled(shell)))
    return out


SHARES = (0.0, 0.05, 0.1, 0.25, 1.0)
GROWN = {
    (12, 10, 7): ((6, 5, 3), (0, 0, 0), (11, 9, 6)),
    (70, 4, 3): ((64, 2, 1),),
    (3, 2, 131): ((1, 1, 63),),
}


def growing() -> list[dict[str, Any]]:
    """Growing keeps to steps of 1/4096 of the window."""
    window = (-600.0, 700.0)
    out = []
    for shape, seeds in GROWN.items():
        noise = ndimage.gaussian_filter(np.random.default_rng(7).normal(size=shape), 1.5)
        values = np.round(1000 * noise / np.abs(noise).max()).astype(int)
        out += [grown(values, seed, window, tolerance) for seed in seeds for tolerance in SHARES]
    return out


def grown(values: Any, seed: Any, window: tuple[float, float], tolerance: float) -> dict[str, Any]:
    """What is joined with a seed by values within a tolerance."""
    place = np.clip((values - window[0]) / (window[1] - window[0]), 0, 1)
    level = int(np.floor(tolerance * 4096))
    near = np.ceil(np.abs(place - place[seed]) * 4096) <= level
    labels, _ = ndimage.label(near)
    name, on = f"{seed} {tolerance}", labels == labels[seed]
    params = {"seed": list(seed), "window": list(window), "tolerance": tolerance}
    made = case(name, "grow", near, on, **params)
    return {**made, "mask": [], "values": values.ravel(order="F").tolist()}


def centres(shape: tuple[int, ...], affine: Any) -> Any:
    """World position of every voxel."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).astype(float)
    matrix = np.array(affine)
    return grid @ matrix[:3, :3].T + matrix[:3, 3]


def covered(shape: tuple[int, ...], affine: Any, pen: dict[str, Any]) -> Any:
    """The rule of a pen, voxel by voxel."""
    world = centres(shape, affine)
    centre = np.array(pen["centre"])
    start = np.array(pen.get("from", pen["centre"]))
    normal = np.array(pen["normal"])
    away = world - start
    line = centre - start
    t = np.clip(away @ line / (line @ line), 0, 1) if (line @ line) > 0 else 0 * away[..., 0]
    rest = away - t[..., None] * line
    height = away @ normal
    r2 = (rest**2).sum(-1) - (height**2 if pen["shape"] == "cylinder" else 0)
    half = pen["halfMm"]
    low, high = {0: (-half, half), 1: (0, 2 * half), -1: (-2 * half, 0)}[pen["direction"]]
    slab = (height >= low - 1e-6) & (height <= high + 1e-6)
    on = slab & (r2 <= (pen["radiusMm"] + 1e-6) ** 2)
    under = np.floor(np.linalg.solve(np.array(affine), [*centre, 1])[:3] + 0.5).astype(int)
    if (under >= 0).all() and (under < shape).all():
        on[tuple(under)] = True
    return on


def pens() -> list[dict[str, Any]]:
    """Pens on an upright and on a tilted matrix."""
    out = []
    upright = np.diag([1.0, 1.0, 1.0, 1.0]).tolist()
    tilt = np.array([0.2, 0.3, 0.9])
    tilt /= np.linalg.norm(tilt)
    for affine, shape, middle in (
        (upright, (24, 24, 16), (11, 12, 8)),
        (OBLIQUE, (18, 20, 9), None),
    ):
        at = centres(shape, affine)[tuple(n // 2 for n in shape)] if middle is None else middle
        for kind in ("sphere", "cylinder"):
            for radius, half, direction in (
                (6.2, 2.33, 0),
                (5, 5, 0),
                (4, 1, 1),
                (4, 1, -1),
                (0.2, 0.2, 0),
            ):
                for normal in ([0.0, 0.0, 1.0], tilt.tolist()):
                    pen = {
                        "shape": kind,
                        "centre": [float(v) for v in at],
                        "normal": normal,
                        "radiusMm": radius,
                        "halfMm": half,
                        "direction": direction,
                    }
                    on = covered(shape, affine, pen)
                    name = f"{kind} {radius} {half} {direction}"
                    out.append(case(name, "brush", np.zeros(shape), on, affine=affine, pen=pen))
        pen = {**pen, "radiusMm": 3.0, "halfMm": 2.0, "from": [float(v) - 5.3 for v in at]}
        on = covered(shape, affine, pen)
        out.append(case("line", "brush", np.zeros(shape), on, affine=affine, pen=pen))
    return [*out, *outlines(upright)]


def even_odd(points: Any, u: Any, v: Any) -> Any:
    """Crossings of a ray to the right."""
    inside = np.zeros(u.shape, bool)
    for (xi, yi), (xj, yj) in zip(points, [points[-1], *points[:-1]], strict=True):
        if yi == yj:
            continue
        cross = (xj - xi) * (v - yi) / (yj - yi) + xi
        inside ^= ((yi > v) != (yj > v)) & (u < cross)
    return inside


def outlines(upright: Any) -> list[dict[str, Any]]:
    """Outlines in a slice, one of them crossing itself."""
    shapes = {
        "square": [[-5, -5], [5, -5], [5, 5], [-5, 5]],
        "star": [[0, 7.3], [4.2, -6.1], [-6.8, 2.2], [6.9, 2.4], [-4.4, -5.9]],
        "two points": [[0, 0], [4, 4]],
    }
    out = []
    for affine, shape in ((upright, (24, 24, 16)), (OBLIQUE, (18, 20, 9))):
        world = centres(shape, affine)
        for name, points in shapes.items():
            right, up = np.array([1.0, 0.2, 0.1]), np.array([-0.2, 1.0, 0.0])
            right /= np.linalg.norm(right)
            up = up - right * (right @ up)
            up /= np.linalg.norm(up)
            normal = np.cross(right, up)
            origin = world[tuple(n // 2 for n in shape)]
            away = world - origin
            on = np.abs(away @ normal) <= 1.2 + 1e-6
            on &= even_odd(points, away @ right, away @ up) & (len(points) > 2)
            outline = {
                "origin": origin.tolist(),
                "right": right.tolist(),
                "up": up.tolist(),
                "normal": normal.tolist(),
                "points": points,
                "halfMm": 1.2,
            }
            made = case(name, "outline", np.zeros(shape), on, affine=affine, outline=outline)
            out.append(made)
    return out


def reflected(mask: Any, affine: Any, point: Any, normal: Any) -> Any:
    """Look up the mirrored place of every voxel."""
    world = centres(mask.shape, affine)
    n = np.array(normal)
    other = world - 2 * ((world - np.array(point)) @ n)[..., None] * n
    inverse = np.linalg.inv(np.array(affine))
    at = np.floor(other @ inverse[:3, :3].T + inverse[:3, 3] + 0.5 + 1e-6).astype(int)
    inside = ((at >= 0) & (at < mask.shape)).all(-1)
    at[~inside] = 0
    return mask[tuple(np.moveaxis(at, -1, 0))] & inside


def between(mask: Any, axis: int, voxel_mm: Any) -> Any:
    """Signed distances of the neighbours, weighted by nearness."""

    def signed(plane: Any, step: Any) -> Any:
        edt = ndimage.distance_transform_edt
        inner = edt(plane, step) if not plane.all() else np.full(plane.shape, 1e10)
        return inner - edt(~plane, step)

    stack = np.moveaxis(mask, axis, 0)
    out = stack.copy()
    step = np.delete(voxel_mm, axis)
    drawn = np.flatnonzero(stack.any((1, 2)))
    for a, b in pairwise(drawn):
        for s in range(a + 1, b):
            t = (s - a) / (b - a)
            out[s] = signed(stack[a], step) * (1 - t) + signed(stack[b], step) * t > 1e-9
    return np.moveaxis(out, 0, axis)


def shaping() -> list[dict[str, Any]]:
    """Smoothing, mirrors and slices between slices."""
    out = []
    for name, mask in MASKS.items():
        for radius in ((1, 1, 1), (2, 1, 0), (4, 3, 2)):
            size = [2 * r + 1 for r in radius]
            sums = ndimage.convolve(mask.astype(float), np.ones(size), mode="constant")
            out.append(
                case(name, "smooth", mask, np.round(sums) * 2 > np.prod(size), radius=radius)
            )
    mask = MASKS["blobs"]
    for affine in (np.eye(4).tolist(), OBLIQUE):
        for point, normal in (([6.0, 0, 0], [1.0, 0, 0]), ([0, 3.7, 0], [0, 0.6, 0.8])):
            on = reflected(mask, affine, point, normal)
            params = {"affine": affine, "point": point, "normal": normal}
            out.append(case("blobs", "mirror", mask, on, **params))
    for axis in range(3):
        shape = [15, 14, 13]
        drawn = np.zeros(shape, bool)
        stack = np.moveaxis(drawn, axis, 0)
        for at, seed in ((1, 11), (5, 12), (9, 13)):
            stack[at] = blobs(stack[at].shape, seed, 2.0, 0.3)
        step = [1.0, 1.3, 0.7]
        on = between(drawn, axis, step)
        out.append(case(f"axis {axis}", "between", drawn, on, axis=axis, voxelMm=step))
    return out


def main() -> None:
    """Write every file."""
    for make in (morphology, components, growing, pens, shaping):
        text = json.dumps(make(), separators=(",", ":"))
        (FOLDER / f"{make.__name__}.json").write_text(
            text.replace('{"name"', '\n{"name"').rstrip("]") + "\n]\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()

"""How sharp the real series becomes by our alignment beside the reference alignment that it has.

    NORA_BENCH_DOWNLOADS=1 python bench/tomo_sharp.py [--small] [--json]

Both are reconstructed alike. Before anything is compared, our volume is laid onto the other one:
the origin of the specimen is moved so that the shifts of the tilts agree, then so that the volumes
do (three-dimensional correlation), always by reconstructing again, never by interpolating. Then
the same slab of depth is taken from both.

What is compared is what two volumes made of every other tilt have in common, by resolution: noise
has nothing in common, and what an alignment blurs or tears apart is lost from it. Gold is cut off
there, since our alignment follows it, and is measured by itself. A picture of both lies in the
cache folder, ours to the left.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from _common import CACHE, Bench
from PIL import Image
from scipy import fft, ndimage
from tomo_align import REFERENCE, STACK, real_series

from appliance.tomography.aligning import align
from appliance.tomography.positioning import find_position
from appliance.tomography.preparing import prepared_rows, recipe_of
from appliance.tomography.reconstructing import ReconstructRules, make_slices
from appliance.tomography.records import TiltAlignment, TiltSeries
from appliance.tomography.tilt_files import read_series, read_xf

BANDS = ((300, 150), (150, 100), (100, 70), (70, 50))  # Angstrom
JUDGED = 3  # of the bands: in the last one there is next to nothing in common
CUT = 4.0  # deviations: gold is cut off
MARGIN = 0.08  # of a section that is left out at each side
PICTURE = "tomo_sharp.png"


def main() -> int:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    folder = real_series()
    if folder is None:
        bench.say("the real series is not here: NORA_BENCH_DOWNLOADS=1 fetches it")
        return 0
    series = read_series(folder / STACK, angles=folder / REFERENCE[1])
    n = len(series.images)
    reference = TiltAlignment(*read_xf(folder / REFERENCE[0]), series.angles_deg, np.ones(n, bool))
    found = align(series)
    bench.say(f"{found.method}, {len(found.beads)} beads, axis {found.axis_deg:.2f} deg")
    place = find_position(series, reference)
    rules = ReconstructRules(
        thickness_px=place.thickness_px,
        z_shift_px=place.z_shift_px,
        binning=2 if bench.small else 1,
        cutoff=0.5,
        falloff=0.0,
        dtype="float32",
    )
    theirs = halves(series, reference, rules)
    begin = near(found.alignment, reference)
    ours, alignment = laid_upon(bench, series, begin, rules, theirs)
    compare(bench, ours, theirs, rules.binning * series.pixel_nm * 10)
    origin = moved(found.alignment, alignment)
    places = np.array([[b["x"], b["y"], b["z"]] for b in found.beads]) + origin
    gold(bench, sum(ours), sum(theirs), places - [0, 0, rules.z_shift_px], rules.binning)
    picture(sum(ours), sum(theirs))
    bench.say(f"look at {CACHE / PICTURE}")
    return 1 if bench.missed else 0


def halves(
    series: TiltSeries, alignment: TiltAlignment, rules: ReconstructRules
) -> list[np.ndarray]:
    """Two volumes (z, y, x), each of every other tilt."""
    order = np.argsort(series.angles_deg, kind="stable")
    made = []
    for k in (0, 1):
        used = np.zeros(len(order), bool)
        used[order[k::2]] = True
        part = replace(alignment, used=used)
        recipe = recipe_of(series, part, rules)
        with prepared_rows(series, part, recipe, Path(tempfile.gettempdir())) as prepared:
            slabs = [make_slices(prepared, y, y + 8) for y in range(0, recipe.rows[1], 8)]
        made.append(np.concatenate(slabs).transpose(1, 0, 2))
    return made


def motion(angles_deg: np.ndarray) -> np.ndarray:
    """What a step along x and along z does across the axis, in each tilt."""
    t = np.radians(angles_deg)
    return np.stack([np.cos(t), np.sin(t)], 1)


def with_origin(alignment: TiltAlignment, x: float, y: float, z: float) -> TiltAlignment:
    """The same alignment with everything moved by (x, y, z)."""
    across = motion(alignment.angles_deg) @ [x, z]
    return replace(alignment, shifts=alignment.shifts + np.stack([across, 0 * across + y], 1))


def moved(before: TiltAlignment, after: TiltAlignment) -> np.ndarray:
    """By which (x, y, z) everything lies elsewhere."""
    step = after.shifts - before.shifts
    x, z = np.linalg.lstsq(motion(before.angles_deg), step[:, 0], rcond=None)[0]
    return np.array([x, step[:, 1].mean(), z])


def near(ours: TiltAlignment, reference: TiltAlignment) -> TiltAlignment:
    """Our alignment with its origin where the reference has it, by the shifts of most tilts."""
    off = reference.shifts - ours.shifts
    weights, across = np.ones(len(off)), motion(ours.angles_deg)
    for _ in range(20):  # the outermost tilts may differ by more than their share
        x, z = np.linalg.lstsq(across * weights[:, None], off[:, 0] * weights, rcond=None)[0]
        weights = 1 / np.sqrt(1 + (off[:, 0] - across @ [x, z]) ** 2)
    return with_origin(ours, x, float(np.median(off[:, 1])), z)


def laid_upon(
    bench: Bench,
    series: TiltSeries,
    placed: TiltAlignment,
    rules: ReconstructRules,
    theirs: list[np.ndarray],
) -> tuple[list[np.ndarray], TiltAlignment]:
    """Volumes of our alignment in the place of the reference's, and the alignment that does it."""
    for _ in range(4):
        made = halves(series, placed, rules)
        step = shift_between(sum(theirs), sum(made)) * rules.binning
        bench.say(f"ours lies {np.round(step, 2)} px (z, y, x) beside the reference")
        if np.abs(step).max() < 0.1:
            break
        placed = with_origin(placed, step[2], step[1], step[0])
    return made, placed


def inner(volume: np.ndarray) -> np.ndarray:
    """What lies away from the sides of the sections; gold is cut off."""
    y, x = (int(MARGIN * n) for n in volume.shape[1:])
    part = volume[:, y:-y, x:-x]
    limit = CUT * part.std()
    return np.clip(part, -limit, limit)


def shift_between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """By how much (z, y, x) the other volume must move to lie upon the first one."""
    a, b = inner(one), inner(other)
    fading = np.hanning(a.shape[1])[:, None] * np.hanning(a.shape[2])
    a, b = (fft.rfftn((v * fading).astype(np.float32), workers=2) for v in (a, b))
    smooth = [np.exp(-(fft.fftfreq(n) ** 2) / 0.02).astype(np.float32) for n in a.shape[:2]]
    product = a * np.conj(b) * smooth[0][:, None, None] * smooth[1][:, None]
    shape = inner(one).shape
    cross = fft.irfftn(product * np.exp(-(fft.rfftfreq(shape[2]) ** 2) / 0.02), shape, workers=2)
    top = np.array(np.unravel_index(int(cross.argmax()), shape))
    step = []
    for axis, n in enumerate(shape):
        low, mid, high = (
            cross[tuple((top + d * (np.arange(3) == axis)) % shape)] for d in (-1, 0, 1)
        )
        at = top[axis] + (low - high) / (2 * (low - 2 * mid + high))
        step.append((at + n / 2) % n - n / 2)
    return np.array(step)


def compare(
    bench: Bench, ours: list[np.ndarray], theirs: list[np.ndarray], pixel_angstrom: float
) -> None:
    """What the halves have in common, ours over the reference's."""
    mine, other = common(ours, pixel_angstrom), common(theirs, pixel_angstrom)
    for (coarse, fine), (power, part), (base, base_part) in zip(BANDS, mine, other, strict=True):
        name = f"structure common to both halves, {coarse} to {fine} A"
        bench.figure(f"{name}: correlation", part, "", baseline=base_part)
        bench.figure(f"{name}: power", power, "", baseline=base)
    ratio = np.exp(
        np.mean(np.log([m[0] / o[0] for m, o in zip(mine, other, strict=True)][:JUDGED]))
    )
    bench.figure("sharpness of ours over the reference's, 300 to 70 A", ratio, "", at_least=1.0)


def common(pair: list[np.ndarray], pixel_angstrom: float) -> list[tuple[float, float]]:
    """Cross power and correlation of two volumes by band, section by section."""
    one, other = (inner(v) for v in pair)
    fading = (np.hanning(one.shape[1])[:, None] * np.hanning(one.shape[2])).astype(np.float32)
    ky, kx = fft.fftfreq(one.shape[1]), fft.rfftfreq(one.shape[2])
    k = np.hypot(ky[:, None], kx) / pixel_angstrom
    masks = [(k >= 1 / coarse) & (k < 1 / fine) for coarse, fine in BANDS]
    sums = np.zeros((len(BANDS), 3))
    for sections in zip(one, other, strict=True):
        a, b = (fft.rfft2(section * fading) for section in sections)
        for number, mask in enumerate(masks):
            p, q = a[mask], b[mask]
            sums[number] += np.vdot(q, p).real, np.vdot(p, p).real, np.vdot(q, q).real
    return [(float(c), float(c / np.sqrt(p * q))) for c, p, q in sums]


def gold(
    bench: Bench, ours: np.ndarray, theirs: np.ndarray, places: np.ndarray, binning: int
) -> None:
    """Depth and width of gold beads, medians; our alignment follows them, the other may not."""
    found = [[bead(v, place / binning) for place in places] for v in (ours, theirs)]
    both = [(a, b) for a, b in zip(*found, strict=True) if a and b]
    if not both:
        return
    mine, other = np.median(np.array(both), axis=0)
    bench.figure(f"contrast of {len(both)} gold beads", mine[0], "deviations", baseline=other[0])
    bench.figure("their width at half of it", mine[1] * binning, "px", baseline=other[1] * binning)


def bead(volume: np.ndarray, place: np.ndarray) -> tuple[float, float] | None:
    """Depth in deviations and width in pixels of what is darkest about a place (x, y, z)."""
    reach = 6
    at = np.rint(place[::-1] + (np.array(volume.shape) - 1) / 2).astype(int)
    if (at < 2 * reach).any() or (at >= np.array(volume.shape) - 2 * reach).any():
        return None
    box = volume[tuple(slice(c - reach, c + reach + 1) for c in at)]
    smooth = ndimage.gaussian_filter(box, 1.0)
    at = at - reach + np.unravel_index(int(smooth.argmin()), box.shape)
    if (at < 2 * reach).any() or (at >= np.array(volume.shape) - 2 * reach).any():
        return None
    section = volume[at[0] - 1 : at[0] + 2].mean(0)
    disc = section[at[1] - 10 : at[1] + 11, at[2] - 10 : at[2] + 11]
    y, x = np.mgrid[-10:11, -10:11]
    r = np.hypot(y, x)
    rings = np.array([disc[(r >= k - 0.5) & (r < k + 0.5)].mean() for k in range(10)])
    ground = np.median(section)
    depth = ground - rings[0]
    below = np.flatnonzero(rings > ground - depth / 2)
    if depth <= 0 or not below.size:
        return None
    k = int(below[0])
    low, high = rings[k - 1], rings[k]
    half = k - 1 + (ground - depth / 2 - low) / (high - low)
    return float(depth / section.std()), 2 * float(half)


def picture(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Means of seven sections at three heights, ours to the left of the reference's."""
    rows = []
    for z in (np.array([0.3, 0.5, 0.7]) * len(ours)).astype(int):
        pair = []
        for volume in (ours, theirs):
            seen = ndimage.gaussian_filter(inner(volume[z - 3 : z + 4]).mean(0), 1.0)
            low, high = np.percentile(seen, [1, 99.5])
            pair.append(np.clip((seen - low) / (high - low), 0, 1) * 255)
        rows.append(np.hstack(pair))
    Image.fromarray(np.vstack(rows).astype(np.uint8)).save(CACHE / PICTURE)


if __name__ == "__main__":
    raise SystemExit(main())

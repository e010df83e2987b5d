"""A sample tilt series with known truth: spheres and shells, projected exactly.

Made for the demo and for tests and figures: the score of an alignment leaves out what no
alignment can know (where the origin of the specimen is).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.formats import MrcWriter
from appliance.tomography.phantom_kernels import add_density, add_projections
from appliance.tomography.records import TiltAlignment, TiltSeries
from appliance.tomography.tilt_files import write_tlt

__all__ = ["GaugeFreeError", "Phantom", "gauge_free_error", "make_phantom", "write_phantom"]

Floats = NDArray[np.float64]
_FINE = 2  # rays a pixel and axis
_PARTICLES, _VESICLES, _BEADS = 700, 14, 40  # in the field of an untilted image of 512
_HOT_VALUE = 20  # times the mean of the image
_PIXEL_NM = 1.0


@dataclass(frozen=True, slots=True)
class Phantom:
    """A made specimen, its projections and the truth about them.

    Attributes
    ----------
    series : TiltSeries
        In memory; ``path`` names no file.
    truth : TiltAlignment
    places : array (n, 3) of float64
        Centres of the spheres (x, y, z) in unbinned pixels from the centre of the specimen.
    radii, densities : array (n,) of float64
        A shell is a sphere within which another one of negative density lies.
    thickness_px : int
        Of the slab that holds the specimen.
    bead_radius_px : float
        Of the gold beads; 0 without beads.
    """

    series: TiltSeries
    truth: TiltAlignment
    places: Floats
    radii: Floats
    densities: Floats
    thickness_px: int
    bead_radius_px: float

    def volume(self, nz: int, *, binning: int = 1) -> NDArray[np.float32]:
        """The specimen itself, sampled at the centres of voxels.

        Parameters
        ----------
        nz : int
            Voxels along the beam.
        binning : int

        Returns
        -------
        array (nz, ny, nx) of float32
            Density per unbinned pixel; its centre is the specimen's.
        """
        _, ny, nx = self.series.images.shape
        made = np.zeros((nz, ny // binning, nx // binning), np.float32)
        centre = (np.array(made.shape[::-1]) - 1) / 2
        add_density(made, self.places / binning + centre, self.radii / binning, self.densities)
        return made


@dataclass(frozen=True, slots=True)
class GaugeFreeError:
    """How far an alignment is from the truth, in unbinned pixels (root mean square of tilts).

    Attributes
    ----------
    across_px, along_px : float
        Across and along the tilt axis.
    total_px : float
        Both together.
    axis_deg : float
        Estimated minus true angle of the tilt axis.
    """

    across_px: float
    along_px: float
    total_px: float
    axis_deg: float


def make_phantom(
    seed: int,
    *,
    size: int = 512,
    n_tilts: int = 61,
    beads: bool = True,
    axis_deg: float | None = None,
    shift_px: float = 6.0,
    dose: float = 40.0,
    dark: tuple[int, ...] = (),
    symmetric: bool = False,
    noise: bool = True,
) -> Phantom:
    """Make a specimen and a tilt series of it from -60 to 60 degrees.

    Parameters
    ----------
    seed : int
    size : int
        Rows and columns of an image.
    n_tilts : int
    beads : bool
        Whether gold beads lie on both surfaces.
    axis_deg : float, optional
        Angle of the tilt axis; drawn between -6 and 6 otherwise.
    shift_px : float
        Standard deviation of the shifts, half of it from tilt to tilt.
    dose : float
        Mean count of electrons a pixel and image.
    dark : tuple of int
        Sections without a beam.
    symmetric : bool
        Whether the sections lie in the order of a dose-symmetric scheme.
    noise : bool
        Whether electrons are counted and some pixels are hot.

    Returns
    -------
    Phantom
        Images (n_tilts, size, size) int16.
    """
    rng = np.random.default_rng(seed)
    angles = np.linspace(-60, 60, n_tilts) if n_tilts > 1 else np.zeros(1)
    if symmetric:
        angles = angles[np.argsort(np.abs(angles), kind="stable")]
    places, radii, densities, gold = _specimen(rng, size, beads=beads)
    thickness = round(size * 0.14)
    phi = float(rng.uniform(-6, 6)) if axis_deg is None else axis_deg
    truth = TiltAlignment(
        np.broadcast_to(_turn(phi), (n_tilts, 2, 2)).copy(),
        _shifts(rng, angles, shift_px),
        angles,
        ~np.isin(np.arange(n_tilts), dark),
    )
    images = np.empty((n_tilts, size, size), np.int16)
    for i in range(n_tilts):
        clean = _projection(truth, i, size, thickness, (places, radii, densities))
        images[i] = _recorded(rng, clean, dose if truth.used[i] else 0.0, noise=noise)
    series = TiltSeries(Path(f"phantom{seed}.st"), images, angles, _PIXEL_NM, round(phi))
    return Phantom(series, truth, places, radii, densities, thickness, gold)


def write_phantom(folder: Path, phantom: Phantom, name: str = "phantom") -> Path:
    """Write the series as a microscope would: NAME.st, NAME.rawtlt and NAME.st.mdoc.

    Returns
    -------
    Path
        The stack.
    """
    series = phantom.series
    path = folder / f"{name}.st"
    title = f"    Tilt axis angle = {series.axis_deg:.1f}, binning = 1  spot = 1  camera = 0"
    pixel = series.pixel_nm * 10
    with MrcWriter(path, series.images.shape, np.int16, pixel, titles=[title], volume=False) as out:
        for i, image in enumerate(series.images):
            out.write(i, image)
    write_tlt(folder / f"{name}.rawtlt", series.angles_deg)
    lines = [f"PixelSpacing = {pixel:g}", f"ImageFile = {path.name}", "", f"[T = {title}]", ""]
    for i, angle in enumerate(series.angles_deg):
        lines += [f"[ZValue = {i}]", f"TiltAngle = {angle:g}", "ExposureDose = 2", ""]
    (folder / f"{path.name}.mdoc").write_text("\n".join(lines), encoding="ascii")
    return path


def gauge_free_error(estimated: TiltAlignment, truth: TiltAlignment) -> GaugeFreeError:
    """Compare an alignment with the truth, leaving out where the specimen's origin lies.

    The image of the origin is compared in each raw section; what a shift of the origin by
    (x, y, z) would explain is taken off.

    Raises
    ------
    Invalid
        If fewer than four tilts are used in both.
    """
    both = estimated.used & truth.used
    if both.sum() < 4:
        raise Invalid("fewer than four tilts are used in both alignments")
    origins = [
        np.linalg.solve(a.matrices, -a.shifts[..., None])[..., 0] for a in (estimated, truth)
    ]
    off = np.einsum("nij,nj->ni", truth.matrices, origins[0] - origins[1])[both]
    tilts = np.radians(truth.angles_deg[both])
    plane = np.stack([np.cos(tilts), np.sin(tilts)], 1)
    across = off[:, 0] - plane @ np.linalg.lstsq(plane, off[:, 0], rcond=None)[0]
    along = off[:, 1] - off[:, 1].mean()
    a, b = float(np.sqrt(np.mean(across**2))), float(np.sqrt(np.mean(along**2)))
    axes = [_axis(alignment.matrices[both]) for alignment in (estimated, truth)]
    return GaugeFreeError(a, b, float(np.hypot(a, b)), axes[0] - axes[1])


def _axis(matrices: Floats) -> float:
    """Angle of the tilt axis, counterclockwise from +y, that the matrices bring upright."""
    cosine, sine = matrices[:, 0, :].mean(0)
    return float(np.degrees(np.arctan2(sine, cosine)))


def _turn(phi: float) -> Floats:
    """The matrix that turns an axis at `phi` degrees upright."""
    c, s = np.cos(np.radians(phi)), np.sin(np.radians(phi))
    return np.array([[c, s], [-s, c]])


def _shifts(rng: np.random.Generator, angles: Floats, shift_px: float) -> Floats:
    """Drift over the tilts and a jitter from one to the next."""
    t = angles / 60
    drift = sum(rng.normal(0, 1, 2) * wave[:, None] for wave in (t, t**2, np.sin(4 * t)))
    jitter = rng.normal(0, 1, (len(angles), 2))
    return shift_px * 0.5 * np.asarray(drift) + shift_px * 0.5 * jitter


def _specimen(
    rng: np.random.Generator, size: int, *, beads: bool
) -> tuple[Floats, Floats, Floats, float]:
    """Particles and vesicles within a slab, gold on its surfaces; also the radius of the gold."""
    scale = (size / 512) ** 2 * 2.4 * 1.3  # the slab is wider than the field, for the high tilts
    half = np.array([size * 1.2, size * 0.65, size * 0.06])
    n_particles, n_vesicles = round(_PARTICLES * scale), max(3, round(_VESICLES * scale))
    parts = [
        (rng.uniform(-1, 1, (n_particles, 3)) * half, rng.uniform(1.5, 6, n_particles), 0.012),
    ]
    centres = rng.uniform(-1, 1, (n_vesicles, 3)) * half * (1, 1, 0.5)
    outer = np.minimum(rng.uniform(8, 40, n_vesicles), half[2])
    parts += [(centres, outer, 0.006), (centres, np.maximum(outer - 4, 1), -0.006)]
    gold = 5.0 if beads else 0.0
    if beads:
        n_beads = max(30, round(_BEADS * scale / 2))
        surface = np.where(rng.random(n_beads) < 0.6, 1.0, -1.0)
        on = rng.uniform(-1, 1, (n_beads, 3)) * half
        on[:, 2] = surface * (half[2] + gold)
        parts.append((on, np.full(n_beads, gold), 0.12))
    places, radii = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    return places, radii, np.concatenate([np.full(len(p[1]), p[2]) for p in parts]), gold


def _projection(
    truth: TiltAlignment, i: int, size: int, thickness: int, spheres: tuple[Floats, Floats, Floats]
) -> NDArray[np.float32]:
    """What absorbs along the rays of section `i`, in the raw image."""
    places, radii, densities = spheres
    tilt = np.radians(truth.angles_deg[i])
    seen = np.stack([places[:, 0] * np.cos(tilt) + places[:, 2] * np.sin(tilt), places[:, 1]], 1)
    raw = np.linalg.solve(truth.matrices[i], (seen - truth.shifts[i]).T).T + (size - 1) / 2
    image = np.full((size, size), 0.003 * thickness / np.cos(tilt), np.float32)
    add_projections(image, raw, radii, densities, _FINE)
    return image


def _recorded(
    rng: np.random.Generator, absorbed: NDArray[np.float32], dose: float, *, noise: bool
) -> NDArray[np.int16]:
    """Counts of a camera with 10 counts an electron and a few pixels that are always too bright."""
    expected = dose * np.exp(-absorbed.astype(float))
    if not noise:
        return _int16(10 * expected)
    counts = 10.0 * rng.poisson(expected) + rng.normal(0, 4, expected.shape)
    hot = rng.integers(0, counts.size, max(1, counts.size // 20_000))
    counts.flat[hot] = 10 * max(dose, 1.0) * _HOT_VALUE
    return _int16(counts)


def _int16(values: Floats) -> NDArray[np.int16]:
    rounded: NDArray[np.int16] = np.rint(values).clip(-32768, 32767).astype(np.int16)
    return rounded

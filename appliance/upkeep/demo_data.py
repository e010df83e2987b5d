"""Make the demo's files once: two DICOM series, a zip, and a label map, surface and tractogram."""

from __future__ import annotations

import importlib.util
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.upkeep.demo_dicom import MadePatient, MadeSeries, write_series
from appliance.upkeep.demo_head import Head, load_head, reorient
from appliance.upkeep.demo_shapes import arcs_in, surface_nets, write_gifti, write_tck

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LABELS", "DemoSet", "make_labels", "prepare_demo"]

VERSION = 1
LOBES = ("frontal", "parietal", "temporal", "occipital")
LABELS = {
    **{
        1 + side * 4 + lobe: f"{name} grey {lobe_name}"
        for side, name in enumerate(("left", "right"))
        for lobe, lobe_name in enumerate(LOBES)
    },
    9: "left white",
    10: "right white",
    11: "cerebellum and brain stem",
}


@dataclass(frozen=True)
class DemoSet:
    """Where the prepared files lie.

    Attributes
    ----------
    drop, send : Path
        Folders of DICOM for the watch folder and for C-STORE (the same made-up visit).
    archive : Path
        Zip of real scanner files for the upload.
    extras : tuple of Path
        Label map, surface and tractogram of the made-up visit.
    patient : MadePatient
        Whose visit it is.
    source : str
        Where the head and the scanner files come from.
    """

    drop: Path
    send: Path
    archive: Path
    extras: tuple[Path, ...]
    patient: MadePatient
    source: str


def prepare_demo(
    folder: Path, packages: Path | None = None, progress: Callable[[str], None] = lambda _: None
) -> DemoSet:
    """Make the demo's files in `folder`, or find them there from an earlier run.

    Parameters
    ----------
    folder : Path
        Where to write; it is replaced when an earlier set is incomplete or of another version.
    packages : Path or None
        Folder of unpacked demo packages with real data; without them a phantom is used.
    progress : callable
        Told what is being made.
    """
    stamp = folder / "demo.json"
    done = _read_stamp(stamp)
    if done is None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        done = {"version": VERSION, "source": _make(folder, packages, progress)}
        stamp.write_text(json.dumps(done), encoding="utf-8")
    names = ("demo_labels.nii", "demo_brain.surf.gii", "demo_tracts.tck")
    return DemoSet(
        drop=folder / "t1_mprage",
        send=folder / "t2_tse",
        archive=folder / "scanner-export.zip",
        extras=tuple(folder / name for name in names),
        patient=MadePatient(),
        source=str(done["source"]),
    )


def make_labels(head: Head) -> NDArray[np.uint8]:
    """Name every voxel of grey and white matter by side and lobe, on the head's own grid.

    A coarse parcellation by planes in template space: enough to show labels and statistics.
    """
    i, j, k = (np.arange(n) for n in head.t1.shape)
    x = (head.affine[0, 0] * i + head.affine[0, 3])[:, None, None]
    y = (head.affine[1, 1] * j + head.affine[1, 3])[None, :, None]
    z = (head.affine[2, 2] * k + head.affine[2, 3])[None, None, :]
    side = np.where(x > 0, 1, 0)
    lobe = np.where(y > -20, 0, 1)
    lobe = np.where((z < 4 + 0.15 * (y + 20)) & (np.abs(x) > 24) & (y < 12) & (y > -66), 2, lobe)
    lobe = np.where((y < -72) & (z < 40), 3, lobe)
    grey, white = head.gm > 110, head.wm > 127
    labels = np.where(grey, 1 + side * 4 + lobe, 0)
    labels = np.where(white, 9 + side, labels)
    below = (z < -16 + 0.2 * np.minimum(y + 40, 0)) & (np.abs(x) < 52)
    hind = (y < -38) | ((np.abs(x) < 16) & (y < -14))
    labels = np.where(below & hind & (grey | white), 11, labels)
    return labels.astype(np.uint8)


def _read_stamp(stamp: Path) -> dict[str, Any] | None:
    """What an earlier run noted, when it is of this version."""
    try:
        done: dict[str, Any] = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return done if done.get("version") == VERSION else None


def _make(folder: Path, packages: Path | None, progress: Callable[[str], None]) -> str:
    """Write everything; returns where it comes from."""
    progress("reading the head")
    head = load_head(packages)
    pose = _pose()
    progress("writing the T1 series")
    _write_t1(folder / "t1_mprage", head, pose)
    progress("writing the T2 series")
    _write_t2(folder / "t2_tse", head, pose)
    progress("packing scanner files")
    real = _write_archive(folder / "scanner-export.zip", packages)
    progress("drawing labels, surface and streamlines")
    _write_labels(folder / "demo_labels.nii", head, pose)
    _write_surface(folder / "demo_brain.surf.gii", head, pose)
    _write_tracts(folder / "demo_tracts.tck", head, pose)
    return f"{head.source}; {real}"


def _pose() -> NDArray[np.float64]:
    """How the made-up patient lies in the scanner: template world -> scanner world."""
    a, b, c = np.deg2rad([6.0, -3.0, 4.0])
    turn_x = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    turn_y = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
    turn_z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    pose = np.eye(4)
    pose[:3, :3] = np.array(turn_z) @ np.array(turn_y) @ np.array(turn_x)
    pose[:3, 3] = [2.5, 11.0, -6.0]
    return pose


def _write_t1(folder: Path, head: Head, pose: NDArray[np.float64]) -> None:
    """Sagittal slices, as an MPRAGE comes from the scanner."""
    data, affine = reorient(head.t1, pose @ head.affine, (1, 2, 0), "---")
    write_series(folder, data.astype(np.int16) * 4, affine, MadeSeries(extra=_mprage()))


def _write_t2(folder: Path, head: Head, pose: NDArray[np.float64]) -> None:
    """Axial slices of 3 voxels' thickness with another contrast."""
    contrast = 4.0 * (255 - head.t1.astype(np.float32)) * (head.t1 > 20)
    data, affine = reorient(contrast, pose @ head.affine, (0, 1, 2), "--+")
    n = data.shape[2] // 3
    thick = data[:, :, : 3 * n].reshape(*data.shape[:2], n, 3).mean(-1)
    affine = affine @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 3, 1], [0, 0, 0, 1.0]])
    series = MadeSeries(number=5, description="t2_tse_tra_3mm", extra=_tse())
    write_series(folder, thick.astype(np.int16), affine, series)


def _mprage() -> dict[str, Any]:
    """Timing of the T1 series."""
    return {
        "RepetitionTime": "2000",
        "EchoTime": "2.26",
        "InversionTime": "900",
        "FlipAngle": "8",
        "SequenceName": "*tfl3d1_16",
    }


def _tse() -> dict[str, Any]:
    """Timing of the T2 series."""
    return {
        "RepetitionTime": "6000",
        "EchoTime": "96",
        "FlipAngle": "150",
        "ScanningSequence": "SE",
        "SequenceVariant": "SK",
        "MRAcquisitionType": "2D",
        "SequenceName": "*tse2d1_15",
    }


def _scanner_files(packages: Path | None) -> tuple[list[Path], str]:
    """Real DICOM: diffusion mosaics of the demo packages, else of the installed nibabel."""
    if packages is not None:
        found = sorted((packages / "heudiconv/tests/data/b0dwiForFmap").glob("*.dcm"))
        if found:
            return found, "diffusion mosaics shipped with heudiconv"
    spec = importlib.util.find_spec("nibabel")
    places = spec.submodule_search_locations if spec else []
    for place in places or []:
        found = sorted((Path(place) / "nicom/tests/data").glob("[01].dcm"))
        if found:
            return found, "diffusion mosaics shipped with nibabel"
    return [], ""


def _write_archive(path: Path, packages: Path | None) -> str:
    """Zip real scanner files; without any, a short made series of another visit."""
    files, source = _scanner_files(packages)
    if not files:
        other = MadePatient("DEMO^BEN", "DEMO-0002", "19751130", "M", "20240611")
        series = MadeSeries(number=2, description="localizer", patient=other)
        block = (np.indices((64, 64, 12)).sum(0) * 8).astype(np.int16)
        made = path.with_suffix("")
        files, source = write_series(made, block, np.diag([3.0, 3, 3, 1]), series), "a test pattern"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files:
            archive.write(file, f"export/{file.parent.name}/{file.name}")
    return source


def _write_labels(path: Path, head: Head, pose: NDArray[np.float64]) -> None:
    """The parcellation on a grid of its own: 2 voxels wide, other axis order than the T1."""
    from appliance.formats import write_nifti
    from appliance.geometry import Volume

    coarse = make_labels(head)[::2, ::2, ::2]
    affine = pose @ head.affine @ np.diag([2.0, 2, 2, 1])
    data, turned = reorient(coarse, affine, (0, 1, 2), "-++")
    write_nifti(path, Volume(np.ascontiguousarray(data), turned))


def _write_surface(path: Path, head: Head, pose: NDArray[np.float64]) -> None:
    """Outside of grey and white matter."""
    from scipy import ndimage

    tissue = np.maximum(head.gm, head.wm).astype(np.float32)
    smooth = ndimage.gaussian_filter(tissue[::2, ::2, ::2], 1.0)
    points, triangles = surface_nets(smooth, 100.0)
    affine = pose @ head.affine @ np.diag([2.0, 2, 2, 1])
    world = points @ affine[:3, :3].T + affine[:3, 3]
    write_gifti(path, world.astype(np.float32), triangles)


def _write_tracts(path: Path, head: Head, pose: NDArray[np.float64]) -> None:
    """Arcs inside white matter, moved into the scanner's world."""
    lines = arcs_in(head.wm > 100, head.affine)
    moved = [line @ pose[:3, :3].T + pose[:3, 3] for line in lines]
    write_tck(path, [line.astype(np.float32) for line in moved])

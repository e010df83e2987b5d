"""The demo's files: what is made is what comes back from the converter."""

from __future__ import annotations

import subprocess
import tomllib
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from dcm2niix import bin as dcm2niix

from appliance.upkeep import demo_data, demo_head, prepare_demo
from appliance.upkeep.demo_data import LABELS, DemoSet, make_labels
from appliance.upkeep.demo_shapes import surface_nets, write_gifti, write_tck
from tests.support.samples import OBLIQUE, blob, tiny_series


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> DemoSet:
    """The set that an installed wheel makes without any demo package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_head, "template_folder", lambda _packages: None)
        return prepare_demo(tmp_path_factory.mktemp("demo") / "set")


def converted(folder: Path, out: Path) -> nib.Nifti1Image:
    """The one image that dcm2niix makes of a series."""
    out.mkdir()
    command = [str(dcm2niix), "-z", "n", "-o", str(out), str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = list(out.glob("*.nii"))
    assert len(found) == 1
    return nib.load(found[0])


def test_a_made_series_comes_back_with_every_voxel_in_its_place(tmp_path: Path) -> None:
    tiny_series(tmp_path / "series")
    image = converted(tmp_path / "series", tmp_path / "out")
    made = blob()
    ijk = np.argwhere(made >= 0)
    world = nib.affines.apply_affine(OBLIQUE, ijk)
    at = nib.affines.apply_affine(np.linalg.inv(image.affine), world)
    assert np.abs(at - at.round()).max() < 1e-4
    stored = np.asanyarray(image.dataobj)
    assert np.array_equal(stored[tuple(at.round().astype(int).T)], made[tuple(ijk.T)])


def test_a_second_run_finds_the_same_files(phantom: DemoSet) -> None:
    stamps = {p: p.stat().st_mtime_ns for p in phantom.drop.parent.rglob("*")}
    again = prepare_demo(phantom.drop.parent)
    assert again == phantom
    assert {p: p.stat().st_mtime_ns for p in phantom.drop.parent.rglob("*")} == stamps


def test_the_made_person_is_clearly_made_up(phantom: DemoSet) -> None:
    for folder in (phantom.drop, phantom.send):
        ds = pydicom.dcmread(min(folder.iterdir()))
        assert str(ds.PatientName).startswith("DEMO^")
        assert ds.PatientID.startswith("DEMO-")
        assert len(ds.SOPInstanceUID) <= 64


def test_labels_lie_on_the_brain_but_on_a_grid_of_their_own(
    phantom: DemoSet, tmp_path: Path
) -> None:
    t1 = converted(phantom.drop, tmp_path / "out")
    labels = nib.load(phantom.extras[0])
    data = np.asanyarray(labels.dataobj)
    assert labels.shape != t1.shape
    assert set(np.unique(data)) <= {0, *LABELS}
    world = nib.affines.apply_affine(labels.affine, np.argwhere(data > 0))
    at = nib.affines.apply_affine(np.linalg.inv(t1.affine), world).round().astype(int)
    assert (np.asanyarray(t1.dataobj)[tuple(at.T)] > 400).mean() > 0.98


def test_sides_of_labels_are_right_in_the_world() -> None:
    head = demo_head.phantom_head(4.0)
    labels = make_labels(head)
    for value, name in LABELS.items():
        if not (labels == value).any() or not name.startswith(("left", "right")):
            continue
        x = nib.affines.apply_affine(head.affine, np.argwhere(labels == value))[:, 0]
        assert (x <= 0).all() if name.startswith("left") else (x > 0).all()


def test_streamlines_stay_in_the_brain(phantom: DemoSet, tmp_path: Path) -> None:
    t1 = converted(phantom.drop, tmp_path / "out")
    lines = nib.streamlines.load(phantom.extras[2]).streamlines
    assert len(lines) > 50
    at = nib.affines.apply_affine(np.linalg.inv(t1.affine), lines.get_data()).round().astype(int)
    assert (np.asanyarray(t1.dataobj)[tuple(at.T)] > 400).mean() > 0.98


def test_the_archive_holds_readable_scanner_files(phantom: DemoSet, tmp_path: Path) -> None:
    with zipfile.ZipFile(phantom.archive) as archive:
        archive.extractall(tmp_path / "zip")
    files = [p for p in (tmp_path / "zip").rglob("*") if p.is_file()]
    assert files
    assert all(pydicom.dcmread(p, stop_before_pixels=True).Modality == "MR" for p in files)


def test_without_any_package_the_archive_is_still_a_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_data, "_scanner_files", lambda _packages: ([], ""))
    assert demo_data._write_archive(tmp_path / "a.zip", None) == "a test pattern"
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert len(archive.namelist()) == 12


def test_the_surface_is_closed_and_points_outwards(tmp_path: Path) -> None:
    grid = np.indices((24, 20, 22), dtype=np.float32)
    radius = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid, (11.3, 9.1, 10.6), strict=True)))
    points, triangles = surface_nets((20 - radius).astype(np.float32), 20 - 6.0)
    edges = np.sort(np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]), 1)
    assert set(np.unique(edges, axis=0, return_counts=True)[1]) == {2}
    a, b, c = (points[triangles[:, k]].astype(float) for k in range(3))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi * 6**3, rel=0.05)
    write_gifti(tmp_path / "a.surf.gii", points, triangles)
    surface = nib.load(tmp_path / "a.surf.gii")
    assert np.array_equal(surface.agg_data("pointset"), points)
    assert np.array_equal(surface.agg_data("triangle"), triangles)


def test_streamlines_are_read_back_as_written(tmp_path: Path) -> None:
    lines = [np.arange(n * 3, dtype=np.float32).reshape(n, 3) for n in (2, 5, 3)]
    write_tck(tmp_path / "a.tck", lines)
    read = nib.streamlines.load(tmp_path / "a.tck").streamlines
    assert [line.tolist() for line in read] == [line.tolist() for line in lines]


def test_every_demo_package_has_its_licence_written_down() -> None:
    root = Path(__file__).resolve().parents[2]
    named = tomllib.loads((root / "conf/data-licences.toml").read_text("utf-8"))["data"]
    locked = (root / "requirements-demo.lock").read_text("utf-8").splitlines()
    packages = {line.split("==")[0] for line in locked if "==" in line}
    assert packages
    assert packages <= {entry["package"] for entry in named}
    assert all(entry["licence"] and entry["text"].strip() for entry in named)

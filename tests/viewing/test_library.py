"""The library of image jobs, each run as its program on small data with a known answer."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import nilearn
import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.core import Invalid
from appliance.formats import (
    convert_file,
    read_streamlines,
    read_volume,
    scan_dicom,
    write_nifti,
    write_tck,
)
from appliance.geometry import Grid, Tractogram, Transform, Volume
from appliance.imaging import calculate, filter_streamlines, resample
from appliance.jobs import ToolBox, missing_of, render_command
from appliance.viewing import TOOLS

REPOSITORY = Path(__file__).parents[2]
DATA = Path(nilearn.__file__).parent / "datasets" / "data"
VOXEL_MM = 5.0
HEAD = Transform.rotation(2, 8, center_mm=(5, -10, 10)).then(
    Transform.rotation(0, -5).then(Transform.translation((6, -4, 3)))
)


def run(tool_id: str, **given: Any) -> subprocess.CompletedProcess[str]:
    """Run a tool with its own numbers and options for what is not given."""
    tool = ToolBox(TOOLS).get(tool_id)
    values: dict[str, list[str]] = {}
    for arg in tool.args:
        value = given.get(arg.id, arg.value if arg.kind in ("NUMERIC", "OPTION") else None)
        items = value if isinstance(value, list) else [value]
        values[arg.id] = [_text(item) for item in items if item not in (None, "")]
    assert set(given) <= set(values)
    return subprocess.run(
        render_command(tool.command, tool.args, values),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "NORA_SUBJECT": "S-1",
            "NORA_STUDY": "V1",
        },
    )


def _text(item: Any) -> str:
    if isinstance(item, bool):
        return str(item).lower()
    return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item)


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def t1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real head, drawn with voxels of 5 mm."""
    whole = read_volume(DATA / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
    low, high = whole.grid.box()
    path = tmp_path_factory.mktemp("head") / "t1.nii"
    write_nifti(path, resample(whole, Grid.around(low + 2, high - 2, VOXEL_MM)))
    return path


def corners(reach: float = 70.0) -> NDArray[np.float64]:
    return np.array(np.meshgrid(*[(-reach, reach)] * 3)).reshape(3, -1).T


def test_BATCH_09_the_library_is_grouped_and_says_what_it_needs() -> None:
    assert len({tool.id for tool in TOOLS}) == len(TOOLS) >= 18
    assert {tool.menu.partition("/")[0] for tool in TOOLS} == {"Processing", "Analysis"}
    for tool in TOOLS:
        assert tool.menu.endswith(f"/{tool.name}")
        assert tool.description
        assert any(arg.kind in ("OUT", "PATHOUT") and arg.value for arg in tool.args)
        assert missing_of(tool) == ""
    assert {need for tool in TOOLS for need in tool.needs} == {"python:SimpleITK", "python:dipy"}


def test_heavy_packages_are_imported_in_the_jobs_process_only() -> None:
    script = (
        "import sys; from appliance.viewing import TOOLS; from appliance.jobs import missing_of\n"
        "[missing_of(tool) for tool in TOOLS]\n"
        "import appliance.imaging as i; [getattr(i, n) for n in i.__all__]\n"
        "print([n for n in ('SimpleITK', 'dipy', 'nilearn') if n in sys.modules])"
    )
    done = subprocess.run(
        [os.sys.executable, "-c", script],  # type: ignore[attr-defined]
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_bias_correction_takes_a_known_shading_out(t1: Path, tmp_path: Path) -> None:
    head = read_volume(t1)
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, n) for n in head.grid.shape), indexing="ij")
    shading = np.exp(0.4 * x + 0.3 * y**2)
    shaded, out = tmp_path / "shaded.nii", tmp_path / "out.nii"
    write_nifti(shaded, head.like((head.data * shading).astype(np.float32)))
    ok(run("imaging.bias_correction", image=shaded, out=out))
    white = head.data > np.percentile(head.data, 93)
    before, after = (variation(read_volume(path).data[white]) for path in (shaded, out))
    assert after < 0.6 * before
    assert read_volume(out).grid.matches(head.grid)


def variation(values: NDArray[Any]) -> float:
    return float(values.std() / values.mean())


@pytest.mark.parametrize("motion", ["rigid", "affine"])
def test_registration_finds_a_known_motion(t1: Path, tmp_path: Path, motion: str) -> None:
    head = read_volume(t1)
    moving, out, found = (tmp_path / name for name in ("m.nii", "out.nii", "x.transform.json"))
    moved = Volume(head.data, HEAD.matrix @ head.affine)
    low, high = head.grid.box()
    write_nifti(moving, resample(moved, Grid.around(low + 2, high - 2, VOXEL_MM)))
    ok(run(f"imaging.register_{motion}", moving=moving, fixed=t1, out=out, transform=found))
    matrix = Transform(np.array(json.loads(found.read_bytes())["matrix"]))
    away = np.linalg.norm(matrix.apply(corners()) - HEAD.apply(corners()), axis=1)
    assert away.max() < (0.5 if motion == "rigid" else 2.5)
    drawn = read_volume(out)
    assert drawn.grid.matches(head.grid)
    assert np.corrcoef(drawn.data.ravel(), head.data.ravel())[0, 1] > 0.98
    again = tmp_path / "again.nii"
    ok(run("imaging.apply_transform", moving=moving, reference=t1, transform=found, out=again))
    assert np.array_equal(read_volume(again).data, drawn.data)


def bent_away(xyz: NDArray[np.float64]) -> NDArray[np.float64]:
    """A smooth deformation of up to 12 mm, as shifts of places in the fixed world."""
    shift = np.zeros_like(xyz)
    for center, toward in (((25, -20, 10), (0, 12, 0)), ((-25, 10, 20), (8, 0, -8))):
        near = np.exp(-((xyz - center) ** 2).sum(-1, keepdims=True) / (2 * 22**2))
        shift += near * toward
    return shift


def voxels_of(grid: Grid) -> NDArray[np.float64]:
    return np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1)


def balls(xyz: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Two labels, where the deformation is largest."""
    found = np.zeros(xyz.shape[:-1], np.uint8)
    for value, center in ((1, (25, -20, 10)), (7, (-25, 10, 20))):
        found[((xyz - center) ** 2).sum(-1) < 18**2] = value
    return found


def dice(one: NDArray[Any], other: NDArray[Any], value: int) -> float:
    a, b = one == value, other == value
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


@pytest.fixture(scope="module")
def bent(t1: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: the head and labels of it after the deformation, and what a registration found."""
    from scipy.ndimage import map_coordinates

    folder, head = tmp_path_factory.mktemp("bent"), read_volume(t1)
    there = head.grid.to_world(voxels_of(head.grid))
    back = there.copy()
    for _ in range(30):  # where each place of the bent head comes from
        back = there - bent_away(back)
    index = np.moveaxis(head.grid.to_voxel(back), -1, 0)
    drawn = map_coordinates(head.data.astype(np.float32), index, order=1)
    write_nifti(folder / "moving.nii", head.like(drawn))
    write_nifti(folder / "labels.nii", head.like(balls(back)))
    names = {"out": "out.nii", "field": "deformation.nii", "inverse": "inverse.nii"}
    ok(
        run(
            "imaging.register_deformable",
            moving=folder / "moving.nii",
            fixed=t1,
            transform=folder / "x.transform.json",
            **{name: folder / file for name, file in names.items()},
        )
    )
    return folder


def test_deformable_registration_finds_a_known_deformation(t1: Path, bent: Path) -> None:
    head, field = read_volume(t1), read_volume(bent / "deformation.nii")
    assert field.data.shape == (*head.grid.shape, 3)
    places = head.grid.to_world(voxels_of(head.grid))
    wanted = bent_away(places)
    inside = head.data > head.data.max() * 0.3
    error = np.linalg.norm(field.data - places - wanted, axis=-1)[inside]
    assert error.max() < VOXEL_MM
    assert np.percentile(error, 95) < VOXEL_MM / 2
    moved = np.linalg.norm(wanted, axis=-1)[inside]
    assert np.sqrt((error**2).mean()) < np.sqrt((moved**2).mean()) / 2
    drawn = read_volume(bent / "out.nii").data
    before = read_volume(bent / "moving.nii").data
    assert alike(drawn, head.data, inside) > alike(before, head.data, inside) + 0.04


def alike(one: NDArray[Any], other: NDArray[Any], inside: NDArray[np.bool_]) -> float:
    return float(np.corrcoef(one[inside], other[inside])[0, 1])


def test_a_field_tells_what_its_numbers_are(bent: Path) -> None:
    import nibabel

    header = nibabel.load(bent / "deformation.nii").header  # type: ignore[attr-defined]
    assert header.get_intent()[::2] == ("vector", "pull RAS mm abs")
    text = bytes(header["descrip"]).rstrip(b"\0").decode()
    assert text == "deformation field, pull, fixed to moving world, absolute RAS+ mm"
    facts = json.loads((bent / "x.transform.json").read_bytes())
    assert facts["field"]["file"] == "deformation.nii"
    assert facts["field"]["direction"].startswith("pull: voxels of the fixed image")
    assert facts["inverse"]["direction"].startswith("pull: voxels of the moving image")
    assert {facts[name]["units"] for name in ("field", "inverse")} == {"mm"}


def test_a_field_draws_images_and_labels_and_its_inverse_takes_them_back(
    t1: Path, bent: Path, tmp_path: Path
) -> None:
    head = read_volume(t1)
    again = tmp_path / "again.nii"
    warp = {"transform": bent / "deformation.nii", "reference": t1}
    ok(run("imaging.apply_transform", moving=bent / "moving.nii", out=again, **warp))
    assert np.allclose(read_volume(again).data, read_volume(bent / "out.nii").data)
    labels, there = tmp_path / "labels.nii", read_volume(bent / "labels.nii").data
    nearest = {"interpolation": "nearest"}
    ok(
        run(
            "imaging.apply_transform",
            moving=bent / "labels.nii",
            out=labels,
            **nearest,
            **warp,
        )
    )
    drawn, wanted = read_volume(labels).data, balls(head.grid.to_world(voxels_of(head.grid)))
    assert set(np.unique(drawn)) == {0, 1, 7}
    for value in (1, 7):
        assert dice(drawn, wanted, value) > max(0.85, dice(there, wanted, value) + 0.1)
    home = tmp_path / "home.nii"
    back = {"transform": bent / "inverse.nii", "reference": bent / "moving.nii"}
    ok(run("imaging.apply_transform", moving=labels, out=home, **nearest, **back))
    assert min(dice(read_volume(home).data, there, value) for value in (1, 7)) > 0.85


def test_tissue_classes_are_ordered_and_have_volumes(t1: Path, tmp_path: Path) -> None:
    mask = tmp_path / "mask.nii"
    known = read_volume(DATA / "mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz")
    known = resample(known, read_volume(t1).grid)
    grey = resample(
        read_volume(DATA / "mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz"), known.grid
    )
    write_nifti(mask, known.like((known.data + grey.data > 0.5 * known.data.max()).astype("u1")))
    out, table = tmp_path / "tissue.nii", tmp_path / "META" / "tissue.json"
    chances = tmp_path / "p.nii"
    ok(run("imaging.tissue", image=t1, mask=mask, out=out, probabilities=chances, table=table))
    labels, image = read_volume(out).data, read_volume(t1).data
    means = [image[labels == n].mean() for n in (1, 2, 3)]
    assert means == sorted(means)
    volumes = [row["volume"] for row in json.loads(table.read_bytes())["tissue"].values()]
    brain = (read_volume(mask).data > 0).sum() * VOXEL_MM**3 / 1000
    assert sum(volumes) == pytest.approx(brain, rel=0.02)
    inside = read_volume(mask).data > 0
    assert np.corrcoef(labels[inside] == 3, known.data[inside])[0, 1] > 0.7


def test_resample_to_a_voxel_size_and_to_a_reference(t1: Path, tmp_path: Path) -> None:
    out, back = tmp_path / "out.nii", tmp_path / "back.nii"
    assert "6 x 6 x 6 mm" in ok(run("imaging.resample", image=t1, out=out, voxel_mm=6))
    ok(run("imaging.resample", image=out, out=back, reference=t1))
    head = read_volume(t1)
    assert read_volume(back).grid.matches(head.grid)
    assert np.corrcoef(read_volume(back).data.ravel(), head.data.ravel())[0, 1] > 0.9


def test_arithmetic_computes_and_refuses_code(t1: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.nii"
    ok(
        run(
            "imaging.arithmetic",
            formula="(a - mean(a)) / std(a) + (b > 100) * 0",
            a=t1,
            b=t1,
            out=out,
        )
    )
    found = read_volume(out).data
    assert found.mean() == pytest.approx(0, abs=1e-4)
    assert found.std() == pytest.approx(1, abs=1e-4)
    for formula in ("__import__('os')", "a.shape", "a[0]", "(lambda: 1)()", "a +", "d", "f(a)"):
        with pytest.raises(Invalid):
            calculate(formula, [read_volume(t1)])
    assert calculate("1", [read_volume(t1)]).data.max() == 1


def test_threshold_keeps_and_numbers_parts(tmp_path: Path) -> None:
    data = np.zeros((20, 20, 20), np.float32)
    data[1:9, 1:9, 1:9], data[12:16, 12:16, 12:16], data[18, 18, 18] = 100, 50, 100
    image, out, table = (tmp_path / name for name in ("i.nii", "o.nii", "META/t.json"))
    write_nifti(image, Volume(data, np.diag([2.0, 2, 2, 1])))
    args = {"image": image, "out": out, "table": table, "labels": True}
    ok(run("imaging.threshold", **args, low=40, min_ml=0.02))
    assert np.bincount(read_volume(out).data.astype(int).ravel())[1:].tolist() == [512, 64]
    assert json.loads(table.read_bytes())["parts"]["volume"] == pytest.approx([4.096, 0.512])
    ok(run("imaging.threshold", **args, otsu=True, largest=1))
    assert (read_volume(out).data > 0).sum() == 512


@pytest.fixture(scope="module")
def dwi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made diffusion image: a straight bundle along a slanted world axis in isotropic water."""
    folder = tmp_path_factory.mktemp("dwi")
    random = np.random.default_rng(3)
    vectors = random.normal(size=(20, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    turn = Transform.rotation(2, 20).matrix
    affine = turn @ np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-20, -10, 5)
    axis = turn[:3, 0]
    fiber = 1.7e-3 * np.outer(axis, axis) + 0.3e-3 * (np.eye(3) - np.outer(axis, axis))
    fsl = vectors @ turn[:3, :3]  # along the image's axes
    fsl[:, 0] *= -1  # as FSL writes it for an affine that keeps the handedness
    bvals = np.array([0.0, *[1000.0] * 20])
    data = np.full((24, 9, 9, 21), 1000.0)
    for number, vector in enumerate(vectors, 1):
        data[..., number] = 1000 * np.exp(-1000 * 0.8e-3)
        data[:, 3:6, 3:6, number] = 1000 * np.exp(-1000 * vector @ fiber @ vector)
    write_nifti(folder / "dwi.nii", Volume(data.astype(np.float32), affine))
    (folder / "dwi.bval").write_text(" ".join(f"{b:g}" for b in bvals))
    table = np.vstack([np.zeros(3), fsl]).T
    (folder / "dwi.bvec").write_text("\n".join(" ".join(f"{x:.9f}" for x in row) for row in table))
    write_nifti(folder / "all.nii", Volume(np.ones((24, 9, 9), np.uint8), affine))
    return folder


def test_dti_gives_the_known_tensor_and_streamlines_follow_it(dwi: Path, tmp_path: Path) -> None:
    table = {"image": dwi / "dwi.nii", "bval": dwi / "dwi.bval", "bvec": dwi / "dwi.bvec"}
    ok(run("imaging.dti", **table, mask=dwi / "all.nii", out=tmp_path / "dti"))
    fa, md, v1 = (read_volume(tmp_path / "dti" / f"{name}.nii") for name in ("fa", "md", "v1"))
    values = np.array([1.7, 0.3, 0.3])
    expected = np.sqrt(1.5 * ((values - values.mean()) ** 2).sum() / (values**2).sum())
    assert fa.data[12, 4, 4] == pytest.approx(expected, abs=0.005)
    assert fa.data[12, 0, 0] < 0.01
    assert md.data[12, 4, 4] == pytest.approx(values.mean() * 1e-3, rel=0.005)
    axis = Transform.rotation(2, 20).matrix[:3, 0]
    assert abs(v1.data[12, 4, 4] @ axis) > 0.9995
    tracts = tmp_path / "tracts.tck"
    ok(run("imaging.tracking", tensor=tmp_path / "dti" / "tensor.nii", fa=0.4, out=tracts))
    found = read_streamlines(tracts)
    assert found.n_streamlines > 50
    ends = found.points[found.offsets[1:] - 1] - found.points[found.offsets[:-1]]
    assert (np.abs(ends @ axis) / np.linalg.norm(ends, axis=1)).min() > 0.99
    assert np.median(found.lengths_mm()) == pytest.approx(46, abs=3)


def test_streamlines_are_filtered_by_length_and_masks(tmp_path: Path) -> None:
    lines = [[(0, y, 0), (length, y, 0)] for y, length in ((0, 30), (2, 30), (4, 30), (6, 5))]
    source, out, mask = (tmp_path / name for name in ("a.tck", "b.tck", "m.nii"))
    write_tck(source, Tractogram.from_streamlines(lines))
    data = np.zeros((40, 10, 3), np.uint8)
    data[15, 2:5, 1] = 1
    affine = np.eye(4)
    affine[2, 3] = -1
    write_nifti(mask, Volume(data, affine))
    args = {"tracts": source, "out": out}
    assert "1 of 4" in ok(run("imaging.filter_streamlines", **args, exclude=[mask], min_mm=10))
    assert read_streamlines(out).points[0].tolist() == [0, 0, 0]
    tracts, touched = read_streamlines(source), [read_volume(mask)]
    assert len(filter_streamlines(tracts, min_mm=10)) == 3
    assert len(filter_streamlines(tracts, include=touched)) == 2
    assert len(filter_streamlines(tracts, ends_in=touched)) == 0


def test_the_mosaic_shows_slices_and_outlines(t1: Path, tmp_path: Path) -> None:
    from PIL import Image

    mask, out = tmp_path / "mask.nii", tmp_path / "QC" / "mosaic.png"
    head = read_volume(t1)
    write_nifti(mask, head.like((head.data > 40).astype(np.uint8)))
    assert "960 x 480" in ok(run("imaging.mosaic", image=t1, labels=mask, out=out))
    pixels = np.asarray(Image.open(out)).astype(int)
    red = (pixels[..., 0] - pixels[..., 1]) > 100
    assert red.reshape(3, 160, 6, 160).any(axis=(1, 3)).all()
    assert pixels.std() > 20


@pytest.mark.parametrize("name", ["out.nrrd", "out.mgz", "out.mgh", "out.nii.gz"])
def test_an_image_is_the_same_in_other_formats(name: str, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    affine = Transform.rotation(1, 10).matrix @ np.diag([-1.5, 2.0, 2.5, 1.0])
    image = Volume(random.normal(size=(6, 7, 8)).astype(np.float32), affine)
    write_nifti(tmp_path / "in.nii", image)
    convert_file(tmp_path / "in.nii", tmp_path / name)
    ways = {"image": tmp_path / name, "out": tmp_path / "back.nii"}
    if name == "out.mgh":
        ok(run("imaging.convert", **ways))  # nibabel leaves this format's file open
    else:
        convert_file(ways["image"], ways["out"])
    back = read_volume(tmp_path / "back.nii").reoriented(image.grid.codes)
    assert np.allclose(back.data, image.data)
    assert np.allclose(back.affine, image.affine, atol=1e-4)


def test_streamlines_are_the_same_in_trackvis_and_wrong_names_are_refused(tmp_path: Path) -> None:
    lines = [[(-3.25, 4.5, 60), (1, 2, 3)], [(0, 0, 0), (1, 1, 1), (9, 9, 9)]]
    write_tck(tmp_path / "a.tck", Tractogram.from_streamlines(lines))
    convert_file(tmp_path / "a.tck", tmp_path / "b.trk")
    back = read_streamlines(tmp_path / "b.trk")
    assert np.allclose(back.points, np.concatenate(lines), atol=1e-4)
    done = run("imaging.convert", image=tmp_path / "a.tck", out=tmp_path / "c.nii")
    assert (done.returncode, "tck" in done.stderr) == (2, True)


def test_nifti_becomes_dicom_under_codes_and_comes_back(t1: Path, tmp_path: Path) -> None:
    from appliance.exchange.dcm2niix import run_dcm2niix

    head = read_volume(t1)
    source = tmp_path / "half.nii"
    write_nifti(source, head.like((head.data * 1.25).astype(np.float32)))
    assert f"{head.grid.shape[2]} objects" in ok(
        run("imaging.to_dicom", image=source, out=tmp_path / "dicom")
    )
    records = list(scan_dicom(sorted((tmp_path / "dicom").iterdir())))
    assert {record.patient_id for record in records} == {"S-1"}  # type: ignore[union-attr]
    (tmp_path / "back").mkdir()
    [found] = run_dcm2niix(tmp_path / "dicom", tmp_path / "back")
    back = resample(read_volume(found.image), head.grid)
    assert np.abs(back.data - head.data * 1.25).max() < head.data.max() * 1e-3

"""Surfaces and streamlines: real files, round trips, damaged files."""

from __future__ import annotations

import struct
from pathlib import Path

import nibabel
import nilearn
import numpy as np
import pytest

from appliance.core import FormatError, NotFound
from appliance.formats import read_mesh, read_streamlines, write_mz3, write_tck
from appliance.geometry import Mesh, Tractogram

NIBABEL = Path(nibabel.__file__).parent
DATA = NIBABEL / "tests" / "data"
FSAVERAGE = Path(nilearn.__file__).parent / "datasets" / "data" / "fsaverage5"
POINTS = np.array([[0, 0, 0], [10, 0, 0], [0, 20, 0], [0, 0, 30]], np.float32)
FACES = np.array([[0, 1, 2], [0, 1, 3], [1, 2, 3]])


def as_ply(order: str) -> bytes:
    head = (
        f"ply\nformat {order} 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
        "property float z\nproperty uchar red\nelement face 3\n"
        "property list uchar int vertex_indices\nend_header\n"
    )
    if order == "ascii":
        rows = [*(f"{x} {y} {z} 9" for x, y, z in POINTS), *(f"3 {a} {b} {c}" for a, b, c in FACES)]
        return head.encode() + "\n".join(rows).encode()
    mark = "<" if "little" in order else ">"
    body = b"".join(struct.pack(mark + "fffB", *point, 9) for point in POINTS)
    return head.encode() + body + b"".join(struct.pack(mark + "Biii", 3, *face) for face in FACES)


def as_stl() -> bytes:
    rows = [struct.pack("<12fH", 0, 0, 0, *POINTS[face].ravel(), 0) for face in FACES]
    return bytes(80) + struct.pack("<I", len(FACES)) + b"".join(rows)


def as_text_stl() -> bytes:
    lines = ["solid x"]
    for face in FACES:
        corners = [f"vertex {' '.join(str(x) for x in POINTS[i])}" for i in face]
        lines += ["facet normal 0 0 0", "outer loop", *corners, "endloop", "endfacet"]
    return "\n".join([*lines, "endsolid x"]).encode()


def as_obj() -> bytes:
    points = [f"v {x} {y} {z}" for x, y, z in POINTS]
    faces = ["f " + " ".join(f"{i + 1}/1/1" for i in face) for face in FACES[:2]]
    return "\n".join(["# SPACE=LPS", *points, *faces, "f -3 -2 -1"]).encode()


@pytest.mark.parametrize(
    ("name", "content", "signs"),
    [
        ("a.ply", as_ply("ascii"), (1, 1, 1)),
        ("a.ply", as_ply("binary_little_endian"), (1, 1, 1)),
        ("a.ply", as_ply("binary_big_endian"), (1, 1, 1)),
        ("a.stl", as_stl(), (1, 1, 1)),
        ("a.stl", as_text_stl(), (1, 1, 1)),
        ("a.obj", as_obj(), (-1, -1, 1)),
    ],
)
def test_small_surfaces_of_every_kind(
    tmp_path: Path, name: str, content: bytes, signs: tuple[int, ...]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    mesh = read_mesh(path)
    assert (mesh.n_vertices, mesh.n_faces) == (4, 3)
    wanted = {tuple(sorted(map(tuple, POINTS[face] * np.array(signs)))) for face in FACES}
    got = {tuple(sorted(map(tuple, mesh.vertices[face]))) for face in mesh.faces}
    assert got == wanted
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FormatError):
        read_mesh(path)


def test_ply_with_quads_is_split(tmp_path: Path) -> None:
    head = (
        "ply\nformat binary_little_endian 1.0\nelement vertex 4\nproperty float x\n"
        "property float y\nproperty float z\nelement face 2\n"
        "property list uchar int vertex_indices\nend_header\n"
    )
    body = POINTS.tobytes() + struct.pack("<BiiiiBiii", 4, 0, 1, 2, 3, 3, 0, 1, 2)
    (tmp_path / "q.ply").write_bytes(head.encode() + body)
    assert read_mesh(tmp_path / "q.ply").faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2]]


def test_real_gifti_surface() -> None:
    mesh = read_mesh(FSAVERAGE / "pial_left.gii.gz")
    assert (mesh.n_vertices, mesh.n_faces) == (10242, 20480)
    assert mesh.vertices[:, 0].mean() < -20, "the left side has negative x"
    assert 60_000 < mesh.area_mm2() < 120_000


def test_gifti_with_values_only_is_refused() -> None:
    with pytest.raises(FormatError, match="without a surface"):
        read_mesh(FSAVERAGE / "sulc_left.gii.gz")


def test_freesurfer_surface_is_shifted_to_the_scanner(tmp_path: Path) -> None:
    facts = {
        "head": np.array([2, 0, 20]),
        "valid": "1  # volume info valid",
        "filename": "a.mgz",
        "volume": np.array([256, 256, 256]),
        "voxelsize": np.ones(3),
        "xras": np.array([-1.0, 0, 0]),
        "yras": np.array([0, 0, -1.0]),
        "zras": np.array([0, 1.0, 0]),
        "cras": np.array([1.0, 2, 3]),
    }
    nibabel.freesurfer.write_geometry(
        tmp_path / "lh.pial", POINTS, FACES, create_stamp="now", volume_info=facts
    )
    assert np.allclose(read_mesh(tmp_path / "lh.pial").vertices, POINTS + np.array([1, 2, 3]))


def test_other_files_are_no_surfaces(tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        read_mesh(Path(__file__))
    with pytest.raises(NotFound):
        read_mesh(tmp_path / "missing.stl")
    (tmp_path / "a.obj").write_text("f 1 2 3\n")
    with pytest.raises(FormatError):
        read_mesh(tmp_path / "a.obj")
    (tmp_path / "b.gii").write_text("<GIFTI")
    with pytest.raises(FormatError):
        read_mesh(tmp_path / "b.gii")
    assert isinstance(read_mesh(NIBABEL / "gifti/tests/data/ascii.gii"), Mesh)


@pytest.mark.parametrize("name", ["standard.trk", "standard.tck"])
def test_real_streamlines_lie_where_nibabel_puts_them(name: str) -> None:
    tracts = read_streamlines(DATA / name)
    reference = nibabel.streamlines.load(DATA / name).streamlines
    assert len(tracts) == len(reference) > 0
    for line, expected in zip(tracts, reference, strict=True):
        assert np.allclose(line, expected)


def test_trk_keeps_scalars_and_properties() -> None:
    tracts = read_streamlines(DATA / "complex.trk")
    assert set(tracts.point_values) == {"colors", "fa"}
    assert len(tracts.point_values["fa"]) == len(tracts.points)
    assert set(tracts.streamline_values) >= {"mean_curvature", "mean_torsion"}
    assert len(tracts.streamline_values["mean_torsion"]) == len(tracts)


def test_empty_files_have_no_streamlines() -> None:
    assert len(read_streamlines(DATA / "empty.trk")) == 0
    assert len(read_streamlines(DATA / "empty.tck")) == 0


def test_tck_round_trip(tmp_path: Path) -> None:
    lines = [np.random.default_rng(i).normal(size=(i + 2, 3)) for i in range(5)]
    write_tck(tmp_path / "a.tck", Tractogram.from_streamlines(lines))
    back = read_streamlines(tmp_path / "a.tck")
    assert [len(line) for line in back] == [2, 3, 4, 5, 6]
    assert np.allclose(back.streamline(3), lines[3], atol=1e-6)
    assert (tmp_path / "a.tck").read_bytes().endswith(struct.pack("<fff", *[np.inf] * 3))
    write_tck(tmp_path / "none.tck", Tractogram.from_streamlines([]))
    assert len(read_streamlines(tmp_path / "none.tck")) == 0


@pytest.mark.parametrize("name", ["standard.trk", "standard.tck"])
def test_cut_streamlines_are_refused(tmp_path: Path, name: str) -> None:
    data = (DATA / name).read_bytes()
    path = tmp_path / name
    for end in (10, 200, len(data) - 20, len(data) - 2):
        path.write_bytes(data[:end])
        with pytest.raises(FormatError):
            read_streamlines(path)


def test_a_surface_is_written_for_the_viewer_and_bad_indices_are_refused(tmp_path: Path) -> None:
    mesh = Mesh(np.eye(3, dtype=np.float32) * 10, np.array([[0, 1, 2]], np.int32))
    path = tmp_path / "x.mz3"
    write_mz3(path, mesh)
    raw = path.read_bytes()
    assert np.frombuffer(raw, "<u2", 2).tolist() == [23117, 3]
    assert np.frombuffer(raw, "<u4", 3, 4).tolist() == [1, 3, 0]
    assert np.frombuffer(raw, "<i4", 3, 16).tolist() == [0, 1, 2]
    assert np.frombuffer(raw, "<f4", 9, 28).reshape(3, 3).tolist() == mesh.vertices.tolist()
    with pytest.raises(FormatError, match="no triangles"):
        write_mz3(path, Mesh(mesh.vertices, np.empty((0, 3), np.int32)))
    bad = tmp_path / "bad.ply"
    bad.write_text(
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"
        "property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
        "0 0 0\n1 0 0\n0 1 0\n3 0 1 99\n"
    )
    with pytest.raises(FormatError, match=r"bad\.ply is damaged.*vertex that does not exist"):
        read_mesh(bad)

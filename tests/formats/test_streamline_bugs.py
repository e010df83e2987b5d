"""What NORA gets wrong with streamlines stays right here (its bugs 7 and 8)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from appliance.core import FormatError
from appliance.formats import read_streamlines, write_tck
from appliance.geometry import Tractogram

NONE, END = [np.nan] * 3, [np.inf] * 3
LINES = [[1, 2, 3], [4, 5, 6], NONE, [7, 8, 9], NONE, END]


def trk(path: Path, affine: np.ndarray, size: tuple[float, ...], point: tuple[float, ...]) -> Path:
    """One line of one point, with a scalar and two properties, written by the letter."""
    header = bytearray(1000)
    struct.pack_into("<6s3h3f3fh20s", header, 0, b"TRACK", 10, 12, 14, *size, 0, 0, 0, 1, b"fa")
    struct.pack_into("<h20s20s", header, 238, 2, b"curvature", b"torsion")
    struct.pack_into("<16f", header, 440, *affine.ravel())
    struct.pack_into("<4s", header, 948, b"LAS" if affine[0, 0] < 0 else b"RAS")
    struct.pack_into("<3i", header, 988, 1, 2, 1000)
    path.write_bytes(bytes(header) + struct.pack("<i6f", 1, *point, 0.25, 3.5, 4.5))
    return path


def tck(path: Path, rows: list[list[float]], kind: str = "<f4", *lines: str) -> Path:
    """Points in a number format, with more lines of a header."""
    names = {"<f4": "Float32LE", ">f4": "Float32BE", "<f8": "Float64LE", ">f8": "Float64BE"}
    head = "\n".join(["mrtrix tracks", f"datatype: {names[kind]}", *lines, ""])
    start = len(head) + len("file: . 000\nEND\n")
    data = np.array(rows, kind).tobytes()
    path.write_bytes(f"{head}file: . {start:03}\nEND\n".encode() + data)
    return path


def test_bug_7_a_TRK_counts_from_the_corner_and_each_axis_has_its_own_size(tmp_path: Path) -> None:
    affine = np.array([[-2, 0, 0, 40], [0, 3, 0, -60], [0, 0, 5, -30], [0, 0, 0, 1.0]])
    # Millimetres from the corner of the first voxel: the middle of voxel (1, 2, 3).
    path = trk(tmp_path / "a.trk", affine, (2, 3, 5), (3.0, 7.5, 17.5))
    tracts = read_streamlines(path)
    assert np.allclose(tracts.points, [(affine @ [1, 2, 3, 1])[:3]])


def test_bug_7_scalars_and_properties_of_a_TRK_are_kept(tmp_path: Path) -> None:
    tracts = read_streamlines(trk(tmp_path / "a.trk", np.eye(4), (1, 1, 1), (0.5, 0.5, 0.5)))
    assert np.allclose(tracts.points, 0)
    assert tracts.point_values["fa"].ravel().tolist() == [0.25]
    assert tracts.streamline_values["curvature"].ravel().tolist() == [3.5]
    assert tracts.streamline_values["torsion"].ravel().tolist() == [4.5]


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("counted", [True, False])
def test_bug_8_every_number_format_of_TCK_is_read_also_without_a_count(
    tmp_path: Path, kind: str, counted: bool
) -> None:
    path = tck(tmp_path / "a.tck", LINES, kind, *(["count: 2"] if counted else []))
    tracts = read_streamlines(path)
    assert [line.tolist() for line in tracts] == [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9]]]
    assert tracts.points.dtype == np.float32


def test_bug_8_a_TCK_ends_with_its_mark_when_written_and_needs_it_when_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tck"
    write_tck(path, Tractogram.from_streamlines([np.eye(3)]))
    assert path.read_bytes().endswith(struct.pack("<3f", *END))
    with pytest.raises(FormatError, match="cut off"):
        read_streamlines(tck(path, LINES[:-1]))
    with pytest.raises(FormatError, match="1 of 3 streamlines"):
        read_streamlines(tck(path, [[1, 2, 3], NONE, END], "<f4", "count: 3"))


def test_lines_of_no_points_are_left_out_and_the_last_may_lack_its_mark(tmp_path: Path) -> None:
    tracts = read_streamlines(tck(tmp_path / "a.tck", [[1, 2, 3], NONE, NONE, [4, 5, 6], END]))
    assert [line.tolist() for line in tracts] == [[[1, 2, 3]], [[4, 5, 6]]]
    assert len(read_streamlines(tck(tmp_path / "b.tck", [END]))) == 0


@pytest.mark.parametrize(
    "damage",
    [
        (b"Float32LE", b"Float16LE"),
        (b"file: . ", b"file: x "),
        (b"mrtrix tracks", b"mrtrix images"),
        (b"END", b"ENX"),
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, damage: tuple[bytes, bytes]) -> None:
    path = tck(tmp_path / "a.tck", LINES)
    path.write_bytes(path.read_bytes().replace(*damage))
    with pytest.raises(FormatError, match=r"a\.tck"):
        read_streamlines(path)

"""Pyramids hold the volume, and its means as neuroglancer-scripts rounds them, chunk by chunk."""

from __future__ import annotations

import json

import mrcfile
import numpy as np
import pytest

from appliance.core import Conflict, FormatError
from appliance.tomography.pyramids import pyramid_scales, write_pyramid, write_pyramid_of

NM = (1.5, 1.5, 1.5)


def read_scale(folder, number):
    """Put a scale together from its files alone, as (z, y, x)."""
    info = json.loads((folder / "info").read_text())
    scale = info["scales"][number]
    x, y, z = scale["size"]
    whole = np.zeros((z, y, x), info["data_type"])
    seen = np.zeros((z, y, x), int)
    for path in (folder / scale["key"]).iterdir():
        (x0, x1), (y0, y1), (z0, z1) = (map(int, part.split("-")) for part in path.name.split("_"))
        place = np.s_[z0:z1, y0:y1, x0:x1]
        stored = np.frombuffer(path.read_bytes(), np.dtype(info["data_type"]).newbyteorder("<"))
        whole[place] = stored.reshape(z1 - z0, y1 - y0, x1 - x0)
        seen[place] += 1
        assert max(x1 - x0, y1 - y0, z1 - z0) <= 64
    assert (seen == 1).all()
    return whole


def halved(values, axes=(0, 1, 2)):
    """Mean of neighbours in double precision, edges repeated, rounded half to even."""
    found = values.astype(np.float64)
    for axis in axes:
        pad = [(0, found.shape[axis] % 2 if axis == k else 0) for k in range(3)]
        found = np.pad(found, pad, mode="edge")
        even, odd = (np.take(found, range(k, found.shape[axis], 2), axis) for k in (0, 1))
        found = 0.5 * (even + odd)
    return np.rint(found).astype(values.dtype) if values.dtype.kind == "u" else found.astype("f4")


def noise(dtype, shape):
    rng = np.random.default_rng(5)
    if np.dtype(dtype).kind == "f":
        return rng.normal(0, 100, shape).astype(dtype)
    facts = np.iinfo(dtype)
    return rng.integers(facts.min, facts.max, shape, np.dtype(dtype).newbyteorder("=")).astype(
        dtype
    )


@pytest.mark.parametrize(
    ("dtype", "stored", "shift"),
    [("<i2", "uint16", 32768), (">i2", "uint16", 32768), ("i1", "uint8", 128), ("u1", "uint8", 0)],
)
def test_NG_04_signed_values_are_shifted_and_info_says_by_how_much(tmp_path, dtype, stored, shift):
    values = noise(dtype, (5, 70, 66))
    write_pyramid_of(values, tmp_path / "p", voxel_nm=NM)
    info = json.loads((tmp_path / "p" / "info").read_text())
    assert info["data_type"] == stored
    assert info["nora"]["value_offset"] == shift
    back = read_scale(tmp_path / "p", 0).astype(int) - shift
    assert (back == values).all()


@pytest.mark.parametrize("shape", [(131, 150, 263), (129, 64, 300), (2, 257, 257)])
def test_NG_05_every_scale_is_the_rounded_mean_of_the_finer_one(tmp_path, shape):
    values = noise("<u2", shape)
    scales = write_pyramid_of(values, tmp_path / "p", voxel_nm=NM)
    expected = values
    for number, scale in enumerate(scales):
        found = read_scale(tmp_path / "p", number)
        assert found.shape == scale.size[::-1]
        assert (found == expected).all(), number
        expected = halved(expected)
    assert len(scales) == 3


def sharded_chunks(folder, scale):
    """Read all chunks of a scale by its shards alone: number of the chunk, bytes."""
    told = scale["sharding"]
    for path in (folder / scale["key"]).iterdir():
        data = path.read_bytes()
        minishards = np.frombuffer(data, "<u8", 2 << told["minishard_bits"]).reshape(-1, 2)
        body = data[minishards.nbytes :]
        for mini, (start, end) in enumerate(minishards):
            steps = np.frombuffer(body[start:end], "<u8").reshape(3, -1).astype(int)
            at = 0
            for code, gap, length in zip(np.cumsum(steps[0]), *steps[1:], strict=True):
                at += gap
                hashed = int(code) >> told["preshift_bits"]
                assert hashed % (1 << told["minishard_bits"]) == mini
                shard = hashed >> told["minishard_bits"]
                assert path.name == f"{shard:x}.shard"
                yield int(code), body[at : at + length]
                at += length


def place_of(code, grid):
    """Undo the compressed Morton code, by the words of the format."""
    place, bit = [0, 0, 0], 0
    while any(1 << bit < n for n in grid):
        for axis in range(3):
            if 1 << bit < grid[axis]:
                place[axis] |= (code & 1) << bit
                code >>= 1
        bit += 1
    assert code == 0
    return place


@pytest.mark.parametrize("shape", [(66, 65, 130), (70, 700, 1100), (600, 66, 66)])
def test_NG_05_shards_hold_what_the_flat_chunks_hold(tmp_path, shape):
    values = noise("u1", shape)
    write_pyramid_of(values, tmp_path / "flat", voxel_nm=NM)
    write_pyramid_of(values, tmp_path / "few", voxel_nm=NM, sharded=True)
    info = json.loads((tmp_path / "few" / "info").read_text())
    for number, scale in enumerate(info["scales"]):
        flat = read_scale(tmp_path / "flat", number)
        seen = np.zeros(flat.shape, int)
        grid = [-(-n // 64) for n in scale["size"]]
        for code, data in sharded_chunks(tmp_path / "few", scale):
            x, y, z = place_of(code, grid)
            place = np.s_[64 * z : 64 * z + 64, 64 * y : 64 * y + 64, 64 * x : 64 * x + 64]
            assert flat[place].tobytes() == data
            seen[place] += 1
        assert (seen == 1).all()
    finest = list((tmp_path / "few" / "1_1_1").iterdir())
    assert len(finest) == (2 if shape == (70, 700, 1100) else 1)


def test_NG_05_floats_stay_floats(tmp_path):
    values = noise("<f4", (66, 65, 130))
    write_pyramid_of(values, tmp_path / "p", voxel_nm=NM)
    assert (read_scale(tmp_path / "p", 0) == values).all()
    assert np.array_equal(read_scale(tmp_path / "p", 1), halved(values))


def test_NG_05_long_voxels_are_halved_later(tmp_path):
    values = noise("u1", (70, 140, 140))
    scales = write_pyramid_of(values, tmp_path / "p", voxel_nm=(2, 2, 4))
    assert [scale.key for scale in scales] == ["1_1_1", "2_2_1"]
    assert scales[1].resolution_nm == (4, 4, 4)
    assert (read_scale(tmp_path / "p", 1) == halved(values, (1, 2))).all()


def test_scales_have_names_of_their_own_and_end_when_two_chunks_hold_an_axis():
    scales = pyramid_scales((4096, 4096, 500), (0.3, 0.3, 0.3))
    assert len({scale.key for scale in scales}) == len(scales) == 6
    assert scales[-1].size == (128, 128, 16)
    assert len(pyramid_scales((20, 20, 20), NM)) == 1
    assert len(pyramid_scales((128, 128, 128), NM)) == 1


def write_mrc(path, values, voxel=12.5):
    with mrcfile.new(path) as stream:
        stream.set_data(values)
        stream.voxel_size = voxel
    return path


def test_NG_01_a_tomogram_becomes_a_pyramid_with_its_lengths_in_nanometres(tmp_path):
    values = noise("<i2", (6, 10, 12))
    source = write_mrc(tmp_path / "a_full_rec.mrc", values)
    told = []
    write_pyramid(source, tmp_path / "neuro-a", progress=told.append)
    info = json.loads((tmp_path / "neuro-a" / "info").read_text())
    (scale,) = info["scales"]
    assert scale["size"] == [12, 10, 6]
    assert scale["resolution"] == pytest.approx([1.25, 1.25, 1.25])
    assert scale["encoding"] == "raw"
    assert info["nora"]["source"] == "a_full_rec.mrc"
    assert told == [1.0]
    assert (read_scale(tmp_path / "neuro-a", 0).astype(int) - 32768 == values).all()


@pytest.mark.parametrize("name", ["a.st", "a_ali.mrc", "a.mrc"])
def test_NG_01_a_tilt_series_is_refused(tmp_path, name):
    source = tmp_path / "a.mrc"
    write_mrc(source, noise("<i2", (6, 10, 12)))
    source = source.rename(tmp_path / name)
    (tmp_path / "a.rawtlt").write_text("0\n" * 6)
    with pytest.raises(FormatError, match="tilt series"):
        write_pyramid(source, tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_NG_01_what_is_no_volume_is_refused_and_leaves_nothing(tmp_path):
    for values in (noise("u1", (1, 8, 8)), noise("u1", (0, 8, 8)), noise("u1", (8, 8))):
        with pytest.raises(FormatError, match="no volume"):
            write_pyramid_of(values, tmp_path / "p", voxel_nm=NM)
    with pytest.raises(FormatError, match="complex"):
        write_pyramid_of(np.zeros((4, 4, 4), np.complex64), tmp_path / "p", voxel_nm=NM)
    (tmp_path / "p").mkdir()
    with pytest.raises(Conflict):
        write_pyramid_of(noise("u1", (4, 4, 4)), tmp_path / "p", voxel_nm=NM)
    assert [path.name for path in tmp_path.iterdir()] == ["p"]

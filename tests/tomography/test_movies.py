"""Movies hold every section in order, in the shape and at the speed they promise."""

from __future__ import annotations

import sys

import av
import mrcfile
import numpy as np
import pytest
from PIL import Image

from appliance.core import FormatError, ModelError
from appliance.tomography.averages import running_means, write_averages
from appliance.tomography.grey import grey_scale, grey_sections
from appliance.tomography.key_images import write_key_images
from appliance.tomography.movies import letterboxed, write_movie


def steps(n, shape=(48, 64)):
    """Sections with a bright square that wanders; the brightness differs between sections."""
    stack = np.zeros((n, *shape), np.int16)
    for z in range(n):
        stack[z] = 1000 * (z % 3)
        stack[z, 8:24, 4 * z : 4 * z + 16] += 200
    return stack


def decoded(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(stream)]
        return stream, frames


def test_TILT_06_a_tilt_movie_is_h264_yuv420p_at_four_frames_a_second(tmp_path):
    stack = steps(5)
    scale = grey_scale(stack, exact=True)
    assert write_movie(grey_sections(stack, scale), tmp_path / "tiltMov_a.mp4", 4) == 5
    stream, frames = decoded(tmp_path / "tiltMov_a.mp4")
    assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
    assert (stream.width, stream.height, stream.average_rate) == (1024, 1024, 4)
    assert len(frames) == 5
    for z, frame in enumerate(frames):
        assert frame[:120].max() < 20  # the bars above a picture of 4 by 3
        centre = frame[128:896][24 * 16 : 40 * 16]  # the first row is the bottom one
        assert centre[128].argmax() // 16 in range(4 * z, 4 * z + 16)
    assert [path.name for path in tmp_path.iterdir()] == ["tiltMov_a.mp4"]


def test_a_movie_can_be_played_before_it_is_there_whole(tmp_path):
    write_movie(iter(np.zeros((2, 16, 16), np.uint8)), tmp_path / "m.mp4", 8)
    data = (tmp_path / "m.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_REC_06_exact_movies_are_stretched_and_note_the_shape_of_their_pixels(tmp_path):
    frames = [np.full((30, 60), 255, np.uint8)] * 2
    write_movie(frames, tmp_path / "m.mp4", 8, exact=True)
    stream, seen = decoded(tmp_path / "m.mp4")
    assert stream.average_rate == 8
    assert stream.codec_context.sample_aspect_ratio == 2
    assert seen[0].min() > 250


def test_frames_keep_their_shape_between_bars():
    wide = letterboxed(np.full((10, 20), 200, np.uint8))
    assert wide.shape == (1024, 1024)
    assert (wide[:256] == 0).all()
    assert (wide[256:768] == 200).all()
    assert (letterboxed(np.full((10, 20), 200, np.uint8), exact=True) == 200).all()
    whole = np.random.default_rng(0).integers(0, 255, (1024, 1024), np.uint8)
    assert (letterboxed(whole) == whole).all()


def test_a_movie_of_nothing_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(FormatError, match="no section"):
        write_movie([], tmp_path / "m.mp4", 4)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_encoder_is_told_with_the_way_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ModelError, match="PyAV") as caught:
        write_movie([np.zeros((8, 8), np.uint8)], tmp_path / "m.mp4", 4)
    assert "[tomography]" in caught.value.hint


def test_TILT_03_sections_are_shifted_to_one_mean_and_share_one_scale():
    stack = steps(6)
    grey = np.stack(list(grey_sections(stack, grey_scale(stack, exact=True))))
    assert np.ptp(grey.reshape(6, -1).mean(axis=1)) < 1
    assert set(np.unique(grey)) == {0, 255}


def test_TILT_04_grey_levels_are_those_of_mrc2tif():
    stack = np.array([[[0.0, 51, 102], [153, 204, 255]]], np.float32)
    (plain,) = grey_sections(stack, grey_scale(stack, exact=True))
    assert plain[::-1].ravel().tolist() == [0, 51, 102, 153, 204, 255]
    (dark,) = grey_sections(stack, grey_scale(stack, levels=(100, 255), exact=True))
    expected = [0, 0, 255 * 2 / 155, 255 * 53 / 155, 255 * 104 / 155, 255]
    assert np.abs(dark[::-1].ravel() - np.array(expected)).max() <= 0.5


def test_one_hot_pixel_does_not_take_the_contrast():
    stack = np.random.default_rng(0).normal(0, 10, (3, 100, 100)).astype(np.float32)
    stack[1, 5, 5] = 1e6
    stack[2, 5, 5] = np.nan
    grey = np.stack(list(grey_sections(stack, grey_scale(stack))))
    assert grey[0].std() > 20


def test_TILT_05_key_images_are_the_section_and_a_thumbnail_of_300(tmp_path):
    frame = np.tile(np.arange(200, dtype=np.uint8), (400, 3))
    whole, small = write_key_images(frame, tmp_path, "a")
    assert (whole.name, small.name) == ("keyimg_a.jpg", "keyimg_a_s.jpg")
    for path, size in ((whole, (600, 400)), (small, (300, 200))):
        with Image.open(path) as picture:
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "L", size)


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "i1", "u1", "<u2", "<f4"])
def test_REC_02_each_average_is_the_mean_of_five_sections_shifted_to_one_mean(dtype):
    rng = np.random.default_rng(4)
    stack = rng.integers(0, 120, (9, 6, 7)).astype(dtype)
    plain = np.stack([stack[z : z + 5].astype(np.float64).mean(axis=0) for z in range(5)])
    shift = plain.mean() - plain.mean(axis=(1, 2))
    expected = plain + shift[:, None, None]
    found = np.stack(list(running_means(stack)))
    assert found.dtype == {"f": np.float32, "u": np.uint16}.get(
        np.dtype(dtype).kind if dtype != "u1" else "i", np.int16
    )
    bound = 1e-4 if dtype == "<f4" else 0.5 + 1e-9
    assert np.abs(found - expected).max() <= bound


def test_REC_01_four_sections_have_no_mean_of_five():
    with pytest.raises(FormatError, match="needs five"):
        next(running_means(np.zeros((4, 3, 3), np.int16)))


def test_REC_04_averages_are_written_in_full_and_binned_by_two(tmp_path):
    rng = np.random.default_rng(4)
    values = rng.integers(-300, 300, (10, 7, 8)).astype(np.int16)
    with mrcfile.new(tmp_path / "a_rec.mrc") as stream:
        stream.set_data(values)
        stream.voxel_size = 10.0
    average, binned = tmp_path / "ave_a.mrc", tmp_path / "avebin8_a.mrc"
    write_averages(tmp_path / "a_rec.mrc", average, binned)
    with mrcfile.open(average) as stream:
        means = stream.data.copy()
        assert means.shape == (6, 7, 8)
        assert (stream.header.mode, float(stream.voxel_size.x)) == (1, 10.0)
    with mrcfile.open(binned) as stream:
        assert stream.data.shape == (3, 3, 4)
        assert float(stream.voxel_size.x) == pytest.approx(20.0)
        blocks = means[:, :6].astype(float).reshape(3, 2, 3, 2, 4, 2).mean(axis=(1, 3, 5))
        assert (stream.data == np.rint(blocks)).all()

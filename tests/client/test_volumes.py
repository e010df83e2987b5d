"""Volumes of the client: read as nibabel reads them, and what it writes nibabel reads the same."""

from __future__ import annotations

import gzip
import io

import nibabel as nib
import numpy as np
import pytest

from appliance.client import Volume
from appliance.client.volumes import decode_volume, encode_volume
from appliance.core import FormatError, Invalid

AFFINE = np.array([[-2.0, 0, 0, 10], [0, 0, 3, -20], [0, 1.5, 0, 30], [0, 0, 0, 1]])


def written(image):
    stream = io.BytesIO()
    image.file_map["image"].fileobj = stream
    image.to_file_map()
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "u2", "i4", "u4", "f4", "f8", "i8", "c8"])
@pytest.mark.parametrize("order", "<>")
def test_every_type_and_byte_order_is_read(kind, order):
    data = np.arange(2 * 3 * 4 * 2).reshape(2, 3, 4, 2).astype(order + kind)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(order + kind)
    found = decode_volume(written(nib.Nifti1Image(data, AFFINE, header)))
    assert found.data.dtype == np.dtype(kind)
    assert np.array_equal(found.data, data)
    assert np.allclose(found.affine, AFFINE)


def test_numbers_are_scaled_as_the_file_says():
    image = nib.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), AFFINE)
    raw = bytearray(written(image))
    raw[112:120] = np.array([0.5, -3], "<f4").tobytes()
    found = decode_volume(bytes(raw))
    assert found.data.dtype == np.float32
    assert np.allclose(found.data, np.arange(24).reshape(2, 3, 4) * 0.5 - 3)


def test_the_affine_of_a_quaternion_is_read():
    image = nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), None)
    image.header.set_qform(AFFINE, code=1)
    image.header.set_sform(None, code=0)
    raw = bytearray(written(image))
    found = decode_volume(bytes(raw))
    reread = nib.Nifti1Image.from_bytes(bytes(raw))
    assert np.allclose(found.affine, reread.affine, atol=1e-4)
    assert np.allclose(found.affine, AFFINE, atol=1e-4)


def test_colours_are_the_last_axis():
    data = np.zeros((2, 3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    data["R"], data["B"][1, 2, 3] = 7, 9
    found = decode_volume(written(nib.Nifti1Image(data, AFFINE)))
    assert found.data.shape == (2, 3, 4, 3)
    assert found.data[1, 2, 3].tolist() == [7, 0, 9]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["?", "f2", "u1", "i2", "f4", "f8", ">i4"])
def test_what_is_written_nibabel_reads_the_same(kind, compressed):
    data = (np.arange(60).reshape(3, 4, 5) % 2).astype(kind)
    raw = encode_volume(Volume(data, AFFINE), compressed=compressed)
    image = nib.Nifti1Image.from_bytes(gzip.decompress(raw) if compressed else raw)
    assert np.array_equal(np.asanyarray(image.dataobj), data)
    assert np.allclose(image.affine, AFFINE)
    assert np.allclose(image.header.get_zooms(), [2, 1.5, 3])
    assert image.header.get_xyzt_units() == ("mm", "sec")
    again = decode_volume(raw)
    assert np.array_equal(again.data, data)


@pytest.mark.parametrize(
    "data",
    [np.zeros(3), np.zeros((2, 2)), np.zeros((0, 2, 2)), np.array([[["a"]]]), np.zeros((1,) * 8)],
)
def test_what_is_no_image_is_not_written(data):
    with pytest.raises(Invalid):
        encode_volume(Volume(data, np.eye(4)))


@pytest.mark.parametrize("affine", [np.eye(3), np.full((4, 4), np.nan)])
def test_an_affine_that_is_none_is_refused(affine):
    with pytest.raises(Invalid, match="affine"):
        encode_volume(Volume(np.zeros((2, 2, 2)), affine))


def test_damage_is_told():
    whole = encode_volume(Volume(np.zeros((4, 4, 4)), np.eye(4)))
    for raw in (b"", whole[:300], whole[:-1], b"x" * 400):
        with pytest.raises(FormatError):
            decode_volume(raw)
    odd = bytearray(whole)
    odd[70:72] = b"\x01\x00"
    with pytest.raises(FormatError, match="type 1"):
        decode_volume(bytes(odd))

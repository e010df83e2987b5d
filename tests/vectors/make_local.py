"""Writes local.json: small files of formats that the page converts itself, and what is in them.

Run by hand; `tests/formats/test_local_vectors.py` holds the service's readers to the same file.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel as nib
import numpy as np
import pydicom

from appliance.formats import convert_file, read_dicom_volume, read_volume, write_nifti
from appliance.geometry import Volume
from tests.support.samples import tiny_series

__all__ = ["main"]

SHAPE = (5, 4, 3)
AFFINE = np.array([[-1.9, 0.3, 0, 20], [0.3, 1.9, 0.2, -12], [0, -0.3, 2.5, 7], [0, 0, 0, 1]])


def _numbers(*shape: int) -> Any:
    return (np.arange(np.prod(shape)).reshape(shape, order="F") * 7 - 30).astype(np.int16)


def _case(name: str, paths: list[Path], volume: Volume, **more: Any) -> dict[str, Any]:
    """One file or series with the image that is in it."""
    return {
        "name": name,
        "files": [
            {"name": path.name, "data": base64.b64encode(path.read_bytes()).decode()}
            for path in paths
        ],
        "shape": list(volume.data.shape),
        "affine": [[float(x) for x in row] for row in volume.affine],
        "values": [float(x) for x in volume.data.ravel(order="F")],
        **more,
    }


def _error(case: dict[str, Any], name: str, says: str, cut: int = 0) -> dict[str, Any]:
    """A file of another case, shortened, and the message that tells so."""
    file = case["files"][0]
    whole = base64.b64decode(file["data"])
    data = base64.b64encode(whole[: len(whole) - cut]).decode()
    return {"name": name, "files": [{"name": file["name"], "data": data}], "error": says}


def _images(folder: Path) -> list[dict[str, Any]]:
    """Images of FreeSurfer and of 3D Slicer, with one and with several time points."""
    cases = []
    for n_times in (1, 2):
        data = _numbers(*SHAPE, *([n_times] if n_times > 1 else []))
        plain = folder / "plain.nii"
        write_nifti(plain, Volume(data, AFFINE))
        for suffix in ("mgz", "mgh", "nrrd"):
            path = folder / f"image{n_times}.{suffix}"
            convert_file(plain, path)
            cases.append(_case(f"{suffix} x {n_times}", [path], read_volume(path)))
    head = (
        "NRRD0004\ntype: ushort\ndimension: 4\nspace: left-posterior-superior\n"
        "sizes: 2 5 4 3\nspace directions: none (2,0,0) (0,0,-3) (0,1.5,0)\n"
        "endian: big\nencoding: raw\nspace origin: (1,2,3)\n\n"
    )
    path = folder / "first.nrrd"
    path.write_bytes(head.encode() + np.arange(120, dtype=">u2").tobytes())
    cases.append(_case("nrrd with its list in front", [path], read_volume(path)))
    head = "NRRD0001\ntype: float\ndimension: 3\nsizes: 5 4 3\nspacings: 2 NaN 1.5\n"
    path = folder / "plain.nrrd"
    values = np.linspace(-1, 1, 60, dtype="<f4").tobytes()
    path.write_bytes(f"{head}endian: little\nencoding: gzip\n\n".encode() + gzip.compress(values))
    return [*cases, _case("nrrd without directions", [path], read_volume(path))]


def _niftis(folder: Path) -> list[dict[str, Any]]:
    """Images with complex values, part by part, and one with the larger header."""
    cases = []
    values = (_numbers(*SHAPE) + 1j * _numbers(*SHAPE)[::-1]).astype(np.complex64)
    for name, kind in (("complex.nii.gz", nib.Nifti1Image), ("complex2.nii", nib.Nifti2Image)):
        path = folder / name
        nib.save(kind(values, AFFINE), path)
        cases += [
            _case(f"{name} {part}", [path], read_volume(path, part), part=part)
            for part in ("magnitude", "phase", "real", "imaginary")
        ]
    path = folder / "two.nii.gz"
    nib.save(nib.Nifti2Image(_numbers(*SHAPE, 2), AFFINE), path)
    return [*cases, _case("nifti 2", [path], read_volume(path))]


def _altered(paths: list[Path], folder: Path, change: Any, **save: Any) -> list[Path]:
    """Copies of objects after a change."""
    folder.mkdir()
    for path in paths:
        ds = pydicom.dcmread(path)
        change(ds)
        ds.save_as(folder / path.name, **save)
    return sorted(folder.iterdir())


def _coloured(ds: Any) -> None:
    ds.SamplesPerPixel, ds.PlanarConfiguration, ds.PhotometricInterpretation = 3, 1, "RGB"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = (np.arange(3 * ds.Rows * ds.Columns) % 256).astype(np.uint8).tobytes()
    ds["PixelData"].VR = "OB"


def _rescaled(ds: Any) -> None:
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024


def _each_rescaled(ds: Any) -> None:
    ds.RescaleSlope, ds.RescaleIntercept = 0.5 * int(ds.InstanceNumber), 3


def _implicit(ds: Any) -> None:
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian


def _deflated(ds: Any) -> None:
    ds.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian


def _as_palette(ds: Any) -> None:
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PhotometricInterpretation = "PALETTE COLOR"
    ds.PixelData = (np.arange(ds.Rows * ds.Columns) % 6).astype(np.uint8).tobytes()
    ds["PixelData"].VR = "OB"
    for at, name in enumerate(("Red", "Green", "Blue")):
        ds.add_new(0x00281101 + at, "US", [4, 1, 16])
        words = np.array([10, 20, 30, 40]) * 257 * (at + 1)
        setattr(ds, f"{name}PaletteColorLookupTableData", words.astype("<u2").tobytes())


def _dicoms(folder: Path) -> list[dict[str, Any]]:
    """Series as scanners write them, in colour, packed, and one object with many frames."""
    tiny = tiny_series(folder / "series", shape=(6, 5, 3))
    for path in tiny:
        path.rename(path.with_suffix(".dcm"))
    plain = sorted((folder / "series").iterdir())
    changes = {
        "rescaled": _rescaled,
        "each rescaled": _each_rescaled,
        "implicit": _implicit,
        "deflated": _deflated,
        "colour": _coloured,
        "palette": _as_palette,
    }
    cases = [_case("dicom", plain, read_dicom_volume(plain))]
    for name, change in changes.items():
        paths = _altered(plain, folder / name.replace(" ", "-"), change)
        cases.append(_case(f"dicom {name}", paths, read_dicom_volume(paths)))
    packed = folder / "packed.dcm"
    ds = pydicom.dcmread(plain[0])
    ds.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    ds.save_as(packed)
    bare = folder / "report.dcm"
    ds = pydicom.dcmread(plain[0])
    del ds.Rows
    del ds.PixelData
    ds.save_as(bare)
    volume = read_dicom_volume(plain)
    cases.append(_enhanced(plain, folder / "many.dcm"))
    return [
        *cases,
        _error(_case("", [packed], volume), "a packed object", "packed"),
        _error(_case("", [bare], volume), "an object without pixels", "no image"),
        _error(cases[0], "a cut object", "cut", cut=20),
    ]


def _maps(folder: Path) -> list[dict[str, Any]]:
    """Maps of electron tomography: types of values, other orders of axes, an extended header."""
    import mrcfile

    cases = []
    for dtype in ("i1", "i2", "u2", "f2", "f4"):
        path = folder / f"{dtype}.mrc"
        with mrcfile.new(path, _numbers(*SHAPE).clip(0, 100).astype(dtype)) as stream:
            stream.voxel_size = (5, 6.5, 7)
            stream.header.origin = (100, 0, -30)
            stream.set_extended_header(np.zeros(40, "V1"))
        cases.append(_case(f"mrc of {dtype}", [path], read_volume(path)))
    path = folder / "turned.map"
    with mrcfile.new(path, _numbers(*SHAPE)) as stream:
        stream.header.mapc, stream.header.mapr, stream.header.maps = 3, 1, 2
        stream.header.nxstart = 4
    cases.append(_case("mrc with another order of axes", [path], read_volume(path)))
    return cases


def _enhanced(paths: list[Path], target: Path) -> dict[str, Any]:
    """One object whose frames have their places in functional groups."""
    first = pydicom.dcmread(paths[0])
    frames, groups = [], []
    for path in paths:
        ds = pydicom.dcmread(path)
        frames.append(ds.pixel_array)
        place, group = pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = ds.ImagePositionPatient
        group.PlanePositionSequence = pydicom.Sequence([place])
        groups.append(group)
    shared, turn, measures = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    turn.ImageOrientationPatient = first.ImageOrientationPatient
    measures.PixelSpacing = first.PixelSpacing
    shared.PlaneOrientationSequence = pydicom.Sequence([turn])
    shared.PixelMeasuresSequence = pydicom.Sequence([measures])
    first.SharedFunctionalGroupsSequence = pydicom.Sequence([shared])
    first.PerFrameFunctionalGroupsSequence = pydicom.Sequence(groups)
    first.NumberOfFrames = len(frames)
    first.PixelData = np.stack(frames).tobytes()
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(first, name)
    first.save_as(target)
    return _case("dicom with many frames", [target], read_dicom_volume([target]))


def main() -> None:
    """Write the file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        cases = [*_images(folder), *_niftis(folder), *_dicoms(folder), *_maps(folder)]
    cases += [
        _error(cases[0], "a cut mgz", "damaged", cut=30),
        _error(cases[1], "a cut mgh", "cut", cut=30),
        _error(cases[6], "a cut nrrd", "cut", cut=30),
        _error(cases[-1], "a cut mrc", "cut", cut=30),
    ]
    stream = io.StringIO()
    json.dump(cases, stream, separators=(",", ":"))
    Path(sys.argv[1] if len(sys.argv) > 1 else "tests/vectors/local.json").write_text(
        stream.getvalue() + "\n"
    )


if __name__ == "__main__":
    main()

"""Arrivals with places that are blackened in what is made of them; originals stay as they came."""

from __future__ import annotations

from pathlib import Path

from appliance.core import FormatError, atomic_write, link_or_copy
from appliance.exchange.dcm2niix import ConverterRefused
from appliance.privacy import Blackening, DicomPolicy, blackening_in

__all__ = ["blackening_at", "objects_to_convert"]

_HINT = (
    "Its original is kept. To have it converted as it is, change dicom_arrivals of the project, "
    "then try again."
)


def objects_to_convert(policy: DicomPolicy, source: Path, scratch: Path) -> Path:
    """Give the folder of objects that a series is converted from.

    Parameters
    ----------
    source : Path
        Folder of the originals.
    scratch : Path
        Where a folder of copies may be made.

    Returns
    -------
    Path
        `source` itself, unless the project has pixels blackened on their way in and a rule is for
        one of the objects.

    Raises
    ------
    ConverterRefused
        If pixels that should be blackened cannot be.
    """
    if policy.dicom_arrivals != "clean":
        return source
    paths = sorted(path for path in source.iterdir() if path.is_file())
    found = {path: blackening_at(policy, path) for path in paths}
    if not any(one is not None and one.share for one in found.values()):
        return source
    copies = scratch / "blackened"
    copies.mkdir()
    for path, one in found.items():
        _copy(path, copies / path.name, one)
    return copies


def blackening_at(policy: DicomPolicy, path: Path) -> Blackening | None:
    """Tell what of an object on disk is blackened; None when no rule is for it."""
    from appliance.formats import dicom_parts

    try:
        return blackening_in(dicom_parts(path), policy.pixel_rules())
    except FormatError:
        return None


def _copy(path: Path, target: Path, one: Blackening | None) -> None:
    from appliance.formats import blackened_dicom

    if one is None or not one.share:
        link_or_copy(path, target)
        return
    try:
        data = blackened_dicom(path, one.mask())
    except FormatError as error:
        raise ConverterRefused(f"places in its pixels stay: {error.message}", hint=_HINT) from error
    with atomic_write(target) as stream:
        stream.write(data)

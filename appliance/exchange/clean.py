"""Taking identities out of what the converter wrote: sidecars, and text fields of the header."""

from __future__ import annotations

from pathlib import Path

import msgspec

from appliance.exchange.dcm2niix import Output
from appliance.privacy import Identity, mentions, scrub_sidecar

__all__ = ["clean_output"]

_TEXT_FIELDS = ((148, 80), (328, 16))  # descrip, intent_name of NIfTI-1
_COMMENT_FIELD = (228, 24)  # aux_file, where the converter puts ImageComments
_NIFTI1_BYTES = 348


def clean_output(output: Output, identity: Identity | None, *, compress: bool) -> list[Path]:
    """Scrub one output in place, and compress it if asked to.

    Returns
    -------
    list of Path
        The image, then its sidecars.
    """
    from appliance.formats import pack_file

    _clean_header(output.image, identity)
    for path in output.sidecars:
        if path.suffix == ".json":
            _clean_sidecar(path, identity)
    return [pack_file(output.image) if compress else output.image, *output.sidecars]


def _clean_header(image: Path, identity: Identity | None) -> None:
    with image.open("r+b") as stream:
        header = stream.read(_NIFTI1_BYTES)
        if int.from_bytes(header[:4], "little") != _NIFTI1_BYTES:
            return  # NIfTI-2 of a giant image; the converter leaves its texts empty
        fields = [_COMMENT_FIELD]
        for start, length in _TEXT_FIELDS:
            text = header[start : start + length].decode("latin-1")
            if mentions(text, identity):
                fields.append((start, length))
        for start, length in fields:
            if any(header[start : start + length]):
                stream.seek(start)
                stream.write(bytes(length))


def _clean_sidecar(path: Path, identity: Identity | None) -> None:
    doc = scrub_sidecar(msgspec.json.decode(path.read_bytes()), identity)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(doc)) + b"\n")

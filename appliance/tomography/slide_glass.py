"""Program that writes the photograph of a slide's label, or of its glass, to standard output.

``python -m appliance.tomography.slide_glass SLIDE label`` - a process of its own, because it
decodes what came from outside.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.core import ApplianceError, FormatError, NotFound

__all__ = ["glass_jpeg", "main", "photograph"]

_WITHIN_S = 60.0
_NONE, _DAMAGED = 3, 4
_LARGEST = 2048


def glass_jpeg(path: Path, which: str) -> bytes:
    """Read a photograph in a process of its own.

    Parameters
    ----------
    path : Path
        A slide.
    which : {"label", "macro"}

    Returns
    -------
    bytes
        A JPEG of at most 2048 pixels on its longer side, the label upright.

    Raises
    ------
    NotFound
        If the slide has none.
    FormatError
        If it cannot be read.
    """
    command = [sys.executable, "-m", "appliance.tomography.slide_glass", str(path), which]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_WITHIN_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise FormatError("the photograph could not be read in a minute") from error
    if done.returncode == _NONE:
        raise NotFound(f"this slide has no photograph of the kind {which!r}")
    if done.returncode:
        raise FormatError("the photograph of the slide cannot be read")
    return done.stdout


def photograph(path: Path, which: str) -> NDArray[np.uint8] | None:
    """Read the first photograph of a kind, (Y, X, 3) or (Y, X); None if there is none."""
    from appliance.formats import open_slide

    with open_slide(path) as slide:
        scene = next((one for one in slide.scenes if one.kind == which), None)
        if scene is None:
            return None
        pixels = np.moveaxis(scene.read(0, scene.shape[1]), 0, -1)
    if pixels.dtype != np.uint8:
        raise FormatError("the photograph has more than 8 bits")
    pixels = pixels if pixels.shape[2] == 3 else pixels[..., 0]
    return upright(pixels) if which == "label" else pixels


def upright(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn the photograph of a label by 90 degrees: it lies on its side, (Y, X) or (Y, X, 3)."""
    return np.ascontiguousarray(np.rot90(pixels, -1))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the JPEG; 3 if there is none, 4 if it is damaged."""
    from PIL import Image

    path, which = sys.argv[1:] if arguments is None else arguments
    try:
        pixels = photograph(Path(path), which)
    except ApplianceError as error:
        sys.stderr.write(f"error: {error.message}\n")
        return _DAMAGED
    if pixels is None:
        return _NONE
    image = Image.fromarray(pixels)
    image.thumbnail((_LARGEST, _LARGEST), Image.Resampling.LANCZOS)
    body = io.BytesIO()
    image.save(body, "JPEG", quality=90)
    sys.stdout.buffer.write(body.getvalue())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

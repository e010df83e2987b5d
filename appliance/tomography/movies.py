"""Movies of tilts and of tomograms: H.264 in MP4, as every browser plays and seeks it.

Needs the extra ``tomography``: PyAV, whose wheels bundle the encoder libx264 (GPL). Runs in the
process of a job, never in that of the service.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core import FormatError, ModelError, fsync_dir, fsync_file, install_command, new_key

__all__ = ["SIDE", "letterboxed", "write_movie"]

SIDE = 1024
_BLACK, _GREY = 16, 128
# Grey 0 to 255 as luma of video, 16 to 235.
_LUMA = np.rint(_BLACK + np.arange(256) * (219 / 255)).astype(np.uint8)


def write_movie(
    frames: Iterable[NDArray[np.uint8]],
    target: Path,
    fps: int,
    *,
    exact: bool = False,
    preset: str = "veryfast",
) -> int:
    """Encode grey frames.

    Parameters
    ----------
    frames : iterable of array (ny, nx) of uint8
        All of one shape.
    target : Path
        An ``.mp4``; it appears when it is whole.
    fps : int
        Frames a second: 4 for tilts, 8 for tomograms.
    exact : bool
        Whether frames are stretched to 1024 x 1024, with the shape of their pixels noted in the
        file, as ``ffmpeg -s 1024,1024`` does; else they keep their shape between black bars.
    preset : str
        Of libx264; ``medium`` takes four times as long.

    Returns
    -------
    int
        Number of frames.

    Raises
    ------
    ModelError
        If PyAV is not installed.
    FormatError
        If there is no frame.
    """
    av = _av()
    part = target.with_name(f".{target.name[:64]}.{new_key()}.part")
    try:
        count = _encode(av, frames, part, fps, exact=exact, preset=preset)
        if not count:
            raise FormatError("there is no section to show")
        fsync_file(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    fsync_dir(target.parent)
    return count


def letterboxed(frame: NDArray[np.uint8], *, exact: bool = False) -> NDArray[np.uint8]:
    """Fit a frame (ny, nx) into 1024 x 1024: in its shape between black bars, or stretched."""
    from PIL import Image

    ny, nx = frame.shape
    scale = SIDE / max(ny, nx)
    size = (SIDE, SIDE) if exact else (max(1, round(nx * scale)), max(1, round(ny * scale)))
    if size == (nx, ny):
        fitted = frame
    else:
        how = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
        fitted = np.asarray(Image.fromarray(frame).resize(size, how))
    if fitted.shape == (SIDE, SIDE):
        return fitted
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = fitted
    return canvas


def _av() -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise ModelError(
            "movies need PyAV, which is not installed",
            hint=f"Install it beside the appliance: {install_command('tomography')}",
        ) from error
    return av


def _encode(
    av: Any,
    frames: Iterable[NDArray[np.uint8]],
    part: Path,
    fps: int,
    *,
    exact: bool,
    preset: str,
) -> int:
    count = 0
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": preset, "crf": "23"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.color_range = 1  # limited, as video is
        for frame in frames:
            if count == 0 and exact:
                stream.codec_context.sample_aspect_ratio = Fraction(frame.shape[1], frame.shape[0])
            picture = _picture(av, letterboxed(frame, exact=exact))
            picture.pts = count
            container.mux(stream.encode(picture))
            count += 1
        if count:
            container.mux(stream.encode())
    return count


def _picture(av: Any, frame: NDArray[np.uint8]) -> Any:
    """Make a frame of video; grey has no colour, so its two colour planes are even."""
    planes = np.full((SIDE * 3 // 2, SIDE), _GREY, np.uint8)
    planes[:SIDE] = _LUMA[frame]
    picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    picture.color_range = 1
    return picture

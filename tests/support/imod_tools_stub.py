"""Stand-ins for the programs of the reference commands that do what their documentation says.

``header``, ``newstack``, ``clip``, ``binvol``, ``mrc2tif`` of IMOD, ``gm`` and ``ffmpeg``: options
that are not among those of the commands are refused. They share no code with the appliance but
reading and writing of files, done by mrcfile, Pillow and PyAV.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import mrcfile
import numpy as np

__all__ = ["TOOLS", "install_tools"]

TOOLS = ("header", "newstack", "clip", "binvol", "mrc2tif", "gm", "ffmpeg")
_ROOT = Path(__file__).resolve().parents[2]
Words = list[str]


def install_tools(folder: Path, *, without: str = "", failing: str = "") -> None:
    """Put the programs into a folder of programs."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOOLS:
        if name == without:
            continue
        line = f'exec "{sys.executable}" "{__file__}" {name} "$@"'
        line = f"echo {name} is out of order; exit 3" if name == failing else line
        (folder / name).write_text(f'#!/bin/sh\nPYTHONPATH="{_ROOT}" {line}\n')
        (folder / name).chmod(0o755)


def _read(path: str) -> tuple[np.ndarray, float]:  # type: ignore[type-arg]
    with mrcfile.open(path, permissive=True) as mrc:
        data = np.array(mrc.data)
        return (data if data.ndim == 3 else data[None]), float(mrc.voxel_size.x)


def _write(path: str, data: np.ndarray, pixel: float) -> None:  # type: ignore[type-arg]
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(np.ascontiguousarray(data))
        mrc.voxel_size = pixel


def _as_stored(data: np.ndarray, dtype: np.dtype) -> np.ndarray:  # type: ignore[type-arg]
    if dtype.kind == "f":
        return data.astype(dtype)
    facts = np.iinfo(dtype)
    return np.rint(data).clip(facts.min, facts.max).astype(dtype)


def header(words: Words) -> None:
    """Print the sizes with ``-s``."""
    assert words[0] == "-s", words
    nz, ny, nx = _read(words[1])[0].shape
    sys.stdout.write(f"{nx:8d}{ny:8d}{nz:8d}\n")


def newstack(words: Words) -> None:
    """Copy sections, or stack files with a common mean and no scaling."""
    if words[0] == "-secs":
        first, last = map(int, words[1].split("-"))
        data, pixel = _read(words[2])
        _write(words[3], data[first : last + 1], pixel)
        return
    assert words[:2] == ["-float", "3"], words
    parts = [_read(path) for path in words[2:-1]]
    data = np.concatenate([part for part, _ in parts])
    means = data.mean((1, 2), dtype=np.float64)
    shifted = data - (means - means.mean())[:, None, None]
    _write(words[-1], _as_stored(shifted, data.dtype), parts[0][1])


def clip(words: Words) -> None:
    """Average sections."""
    assert words[:3] + words[4:6] == ["avg", "-2d", "-iz", "-m", "1"], words
    first, last = map(int, words[3].split("-"))
    data, pixel = _read(words[6])
    mean = data[first : last + 1].mean(0, dtype=np.float64)
    _write(words[7], _as_stored(mean[None], np.dtype(np.int16)), pixel)


def binvol(words: Words) -> None:
    """Average blocks of eight."""
    assert words[:2] == ["-binning", "2"], words
    data, pixel = _read(words[2])
    nz, ny, nx = (n // 2 for n in data.shape)
    blocks = data[: 2 * nz, : 2 * ny, : 2 * nx].reshape(nz, 2, ny, 2, nx, 2)
    _write(words[3], _as_stored(blocks.mean((1, 3, 5)), data.dtype), 2 * pixel)


def mrc2tif(words: Words) -> None:
    """Write a JPEG for each section, grey levels out of the range of all."""
    from PIL import Image

    assert words[:2] == ["-j", "-C"], words
    low, high = map(float, words[2].split(","))
    data, _ = _read(words[3])
    grey = (data - data.min()) * (255.0 / max(float(np.ptp(data)), 1e-9))
    grey = np.rint(((grey - low) * 255 / (high - low)).clip(0, 255)).astype(np.uint8)
    digits = 3 if len(data) < 1000 else 4
    for z, section in enumerate(grey):
        name = f"{words[4]}.{z:0{digits}d}.jpg" if len(grey) > 1 else words[4]
        # The first row of an MRC file is at the bottom, that of a picture at the top.
        Image.fromarray(np.ascontiguousarray(section[::-1])).save(name, quality=95)


def gm(words: Words) -> None:
    """Fit a picture into 300 x 300."""
    from PIL import Image, ImageFilter

    assert words[:3] == ["convert", "-size", "300x300"], words
    assert words[4:6] + words[6:10] == [
        *("-resize", "300x300", "-sharpen", "2", "-quality", "70"),
    ], words
    picture = Image.open(words[3])
    scale = 300 / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    picture.resize(size).filter(ImageFilter.SHARPEN).save(words[10], quality=70)


def ffmpeg(words: Words) -> None:
    """Encode numbered pictures, stretched."""
    import av
    from PIL import Image

    given = dict(zip(words[1:-1:2], words[2:-1:2], strict=True))
    assert words[0] == "-y", words
    assert (given["-f"], given["-vcodec"]) == ("image2", "libx264"), words
    assert (given["-pix_fmt"], given["-s"]) == ("yuv420p", "1024,1024"), words
    digits = int(re.search(r"%0(\d)d", given["-i"])[1])  # type: ignore[index]
    with av.open(words[-1], "w") as out:
        stream = out.add_stream("libx264", rate=int(given["-framerate"]))
        stream.width, stream.height, stream.pix_fmt = 1024, 1024, "yuv420p"
        z = 0
        while (path := Path(re.sub(r"%0\dd", f"{z:0{digits}d}", given["-i"]))).is_file():
            picture = Image.open(path).convert("RGB").resize((1024, 1024))
            out.mux(stream.encode(av.VideoFrame.from_image(picture)))
            z += 1
        assert z, f"no picture {given['-i']}"
        out.mux(stream.encode())


if __name__ == "__main__":
    tools: dict[str, Callable[[Words], None]] = {
        one.__name__: one for one in (header, newstack, clip, binvol, mrc2tif, gm, ffmpeg)
    }
    tools[sys.argv[1]](sys.argv[2:])

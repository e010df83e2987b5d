"""CPU and likeness of a tilt movie over JPEG files that ffmpeg encodes.

61 noisy frames of 1024 x 1024. The peer writes JPEG files of quality 75 and encodes them with
libx264 as the reference commands do; both movies are decoded and set beside the frames.
"""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from _common import Bench, peer_python
from PIL import Image

from appliance.tomography.movies import write_movie

FFMPEG = "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"


def frames(n: int) -> list[np.ndarray]:
    """Blobs that wander, under the noise of a low dose."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:1024, :1024].astype(np.float32)
    made = []
    for tilt in np.linspace(-1, 1, n):
        picture = np.full((1024, 1024), 128, np.float32)
        for k in range(40):
            cx, cy = 512 + (k * 97 % 900 - 450) * np.cos(tilt), k * 61 % 1024
            picture -= 60 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * (6 + k % 9) ** 2))
        made.append((picture + rng.normal(0, 25, picture.shape)).clip(0, 255).astype(np.uint8))
    return made


def by_jpeg(ffmpeg: str, pictures: list[np.ndarray], target: Path) -> None:
    """Encode as the reference commands do."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        for number, picture in enumerate(pictures):
            Image.fromarray(picture).save(f"{folder}/a.{number:03d}.jpg", quality=75)
        command = [ffmpeg, "-y", "-loglevel", "error", "-f", "image2", "-framerate", "4"]
        command += ["-i", f"{folder}/a.%03d.jpg", "-vcodec", "libx264", "-pix_fmt", "yuv420p"]
        subprocess.run([*command, "-s", "1024,1024", str(target)], check=True)


def cpu_of(work: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds, those of child processes counted."""
    before, start = _cpu(), time.perf_counter()
    work()
    return _cpu() - before, time.perf_counter() - start


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def psnr(movie: Path, pictures: list[np.ndarray]) -> float:
    """Signal over error of all frames, in dB."""
    with av.open(str(movie)) as container:
        seen = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(seen) == len(pictures)
    error = np.mean(
        [np.mean((a.astype(float) - b) ** 2) for a, b in zip(seen, pictures, strict=True)]
    )
    return float(10 * np.log10(255**2 / error))


def main() -> int:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    pictures = frames(13 if bench.small else 61)
    python = peer_python("ffmpeg", ["imageio-ffmpeg"])
    ffmpeg = subprocess.run([str(python), "-c", FFMPEG], capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = Path(name) / "ours.mp4", Path(name) / "theirs.mp4"
        peer = cpu_of(lambda: by_jpeg(ffmpeg.stdout.strip(), pictures, theirs))
        own = cpu_of(lambda: write_movie(pictures, ours, 4))
        bench.figure("CPU of a movie", own[0], "s", baseline=peer[0], at_most=0.5)
        bench.figure("wall of a movie", own[1], "s", baseline=peer[1])
        likeness = psnr(ours, pictures), psnr(theirs, pictures)
        bench.figure("PSNR of a movie", likeness[0], "dB", baseline=likeness[1], at_least=1.0)
        sizes = ours.stat().st_size / 1e6, theirs.stat().st_size / 1e6
        bench.figure("size of a movie", sizes[0], "MB", baseline=sizes[1])
    return 1 if bench.missed else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The whole tomography workflow on the phantom, step by step, over writing its files plainly.

61 tilts of 512 x 512 pixels become a tomogram of 256 x 256 x 64 voxels with movies, key images,
averages and a pyramid, by ``python -m appliance.tomography.workflow`` and its own engine. Wall
seconds are those of the record of the steps (``steps.json``); processor seconds, of all cores and
of processes that have ended, are read when a step is announced. A run over a few tilts before
compiles the loops, as an installed appliance has.

The baseline computes nothing: a Python process that reads the tilts, writes the same volumes by
numpy and mrcfile, encodes the same frames by PyAV (libx264 as it comes) and copies the other files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from _common import REPOSITORY, Bench

from appliance.tomography.phantom import make_phantom, write_phantom
from appliance.tomography.steps import STEPS, StepRecord, read_steps

PLAIN = """
import shutil, sys
from pathlib import Path
import av, mrcfile, numpy as np
stack, made, frames, target = map(Path, sys.argv[1:])
with mrcfile.open(stack) as given:
    np.array(given.data)
for path in sorted(one for one in made.rglob("*") if one.is_file()):
    copy = target / path.relative_to(made)
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mrc":
        with mrcfile.open(path) as given, mrcfile.new(copy) as fresh:
            fresh.set_data(np.array(given.data))
    elif path.suffix == ".mp4":
        pictures = np.load(frames / (path.name + ".npy"))
        with av.open(str(copy), "w") as film:
            stream = film.add_stream("libx264", rate=8)
            stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:], "yuv420p"
            for picture in pictures:
                film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
            film.mux(stream.encode(None))
    else:
        shutil.copyfile(path, copy)
"""
_STEP = re.compile(r": step \d+ of \d+, (\w+)$")


class Cost(NamedTuple):
    """Seconds by the clock, and of all processors."""

    wall_s: float
    cpu_s: float


def main() -> int:
    """Print the figures; give 1 when a goal was missed."""
    bench = Bench.from_arguments(__doc__)
    size, n_tilts = (256, 31) if bench.small else (512, 61)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bench.say("loops are compiled")
        run_workflow(_series(folder / "first", 128, 21), folder / "compiled", 32)
        bench.say(f"{n_tilts} tilts of {size} x {size}")
        stack = _series(folder / "given", size, n_tilts)
        whole, steps = run_workflow(stack, folder / "made", size // 4)
        made = folder / "made" / "TS"
        bench.figure("start of the program, CPU", whole.cpu_s - sum(steps.values()), "s")
        for record in read_steps(made / "steps.json"):
            _tell(bench, record, steps[record.step])
        keep_frames(made, folder / "frames")
        plain = cost_of_plain(stack, made, folder)
        bench.figure("bytes written", _size(made) / 1e6, "MB", baseline=stack.stat().st_size / 1e6)
        name = "the whole workflow over reading and writing its files"
        bench.figure(f"{name}, wall", whole.wall_s, "s", baseline=plain.wall_s)
        bench.figure(f"{name}, CPU", whole.cpu_s, "s", baseline=plain.cpu_s)
        assets = Cost(_seconds(made, "assets"), steps["assets"])
        name = "movies, images, averages and pyramid over the same"
        bench.figure(f"{name}, wall", assets.wall_s, "s", baseline=plain.wall_s)
        bench.figure(f"{name}, CPU", assets.cpu_s, "s", baseline=plain.cpu_s)
    return 1 if bench.missed else 0


def run_workflow(stack: Path, output: Path, thickness: int) -> tuple[Cost, dict[str, float]]:
    """Run the program; give what it cost, and the processor seconds of each step.

    Those of the last step hold the end of the program.
    """
    command = [sys.executable, "-m", "appliance.tomography.workflow", "--series", str(stack)]
    command += ["--output", str(output), "--engine", "embedded", "--param", "bin=2"]
    command += ["--param", f"thickness={thickness}", "--cpus", str(len(os.sched_getaffinity(0)))]
    began = time.perf_counter()
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
    )
    assert child.stdout is not None
    at = [
        (told[1], _cpu_of(child.pid))
        for line in child.stdout
        if (told := _STEP.search(line.rstrip()))
    ]
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    whole = Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime)
    if child.returncode or [name for name, _ in at] != list(STEPS):
        raise SystemExit(f"the workflow ended with {child.returncode} after the steps {at}")
    ends = [cpu for _, cpu in at[1:]] + [whole.cpu_s]
    return whole, {name: end - cpu for (name, cpu), end in zip(at, ends, strict=True)}


def keep_frames(made: Path, frames: Path) -> None:
    """Decode the movies, so that plain writing has frames to encode."""
    frames.mkdir()
    for movie in made.rglob("*.mp4"):
        with av.open(str(movie)) as film:
            pictures = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
        np.save(frames / f"{movie.name}.npy", np.stack(pictures))


def cost_of_plain(stack: Path, made: Path, folder: Path) -> Cost:
    """Cheapest of three times reading the tilts and writing the files."""
    costs = []
    for number in range(3):
        target = folder / f"plain-{number}"
        words = [sys.executable, "-c", PLAIN, stack, made, folder / "frames", target]
        began = time.perf_counter()
        child = subprocess.Popen([str(word) for word in words])
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"plain writing ended with {child.returncode}")
        costs.append(Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime))
        shutil.rmtree(target)
    return Cost(min(one.wall_s for one in costs), min(one.cpu_s for one in costs))


def _series(folder: Path, size: int, n_tilts: int) -> Path:
    folder.mkdir()
    return write_phantom(folder, make_phantom(1, size=size, n_tilts=n_tilts), "TS")


def _tell(bench: Bench, record: StepRecord, cpu_s: float) -> None:
    """Print what one step took."""
    bench.figure(f"step {record.step}, wall", record.seconds, "s")
    bench.figure(f"step {record.step}, CPU", cpu_s, "s")


def _seconds(made: Path, step: str) -> float:
    return sum(one.seconds for one in read_steps(made / "steps.json") if one.step == step)


def _cpu_of(pid: int) -> float:
    """Processor seconds of a process that runs and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(int(one) for one in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def _size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


if __name__ == "__main__":
    raise SystemExit(main())

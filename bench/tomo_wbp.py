"""Weighted back projection and SIRT: 61 tilts of 1024 x 1024 to 1024 x 256 x 1024, beside peers.

CPU seconds of astra-toolbox, algotom and scikit-image are taken from a few slices and set in
proportion to the voxels of the whole job. The floor is what the same additions cost on rows that
never leave the second cache.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from _common import REPOSITORY, Bench, peer_python

from appliance.tomography import TiltAlignment, TiltSeries
from appliance.tomography.compiled import reordered
from appliance.tomography.iterating import sirt
from appliance.tomography.kernels import backproject, project
from appliance.tomography.layout import Layout
from appliance.tomography.preparing import prepared_rows, recipe_of
from appliance.tomography.reconstructing import (
    LiveSlices,
    ReconstructRules,
    make_slices,
    reconstruct,
)

PACKAGES = ["algotom==1.7.0", "astra-toolbox==2.5.0", "scikit-image==0.26.0"]
TILTS, WIDTH, THICKNESS = 61, 1024, 256
PEER = """
import json, sys, time
import numpy as np
n_tilts, width, thickness, rounds = map(int, sys.argv[2:])
angles = np.linspace(-60, 60, n_tilts)
rows = np.random.default_rng(0).normal(0, 1, (n_tilts, width)).astype(np.float32)
def astra():
    import astra
    volume = astra.create_vol_geom(thickness, width)
    beams = astra.create_proj_geom("parallel", 1.0, width, np.deg2rad(angles))
    projector = astra.create_projector("linear", beams, volume)
    given, made = astra.data2d.create("-sino", beams, rows), astra.data2d.create("-vol", volume)
    wanted = astra.astra_dict("BP")
    wanted.update(ProjectorId=projector, ProjectionDataId=given, ReconstructionDataId=made)
    job = astra.algorithm.create(wanted)
    return thickness * width, lambda: astra.algorithm.run(job)
def algotom():
    from algotom.rec.reconstruction import fbp_reconstruction
    return width * width, lambda: fbp_reconstruction(
        rows, width / 2, angles=np.deg2rad(angles), ratio=None, apply_log=False, gpu=False)
def skimage():
    from skimage.transform import iradon
    turned = np.ascontiguousarray(rows.T)
    return width * width, lambda: iradon(turned, theta=angles, circle=True)
voxels, work = {"astra": astra, "algotom": algotom, "scikit-image": skimage}[sys.argv[1]]()
work()
best = 1e9
for _ in range(rounds):
    begin = time.process_time()
    work()
    best = min(best, time.process_time() - begin)
print(json.dumps(best / voxels))
"""


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    height = 128 if bench.small else 1024
    series, alignment = made_series(height)
    rules = ReconstructRules(thickness_px=THICKNESS, binning=1, dtype="float32")
    voxels = height * THICKNESS * WIDTH
    bench.say(f"{TILTS} x {height} x {WIDTH} -> {height} x {THICKNESS} x {WIDTH}")
    cpu_s, wall_s, summing_s = in_memory(series, alignment, rules, 1 if bench.small else 3)
    bench.figure("reconstruction, prepared and summed", wall_s, "s wall")
    for peer in ("astra", "algotom", "scikit-image"):
        peer_s = peer_cpu(peer, 1 if bench.small else 3) * voxels
        if peer == "astra":  # sums aligned rows, no more: so the same of ours is its measure
            name = "CPU of astra's back projection over that of ours"
            bench.figure(name, peer_s, "s", baseline=summing_s, at_least=30)
        name = f"CPU of {peer} over all of ours: aligning, filtering, summing"
        bench.figure(name, peer_s, "s", baseline=cpu_s)
    bench.figure("CPU of the reconstruction", cpu_s, "s")
    floor_s = TILTS * voxels / additions_per_s()
    name = "summing over the floor of the second cache"
    bench.figure(name, summing_s, "s", baseline=floor_s, at_most=3)
    bench.figure("sums a second on one core", TILTS * voxels / summing_s / 1e9, "G")
    switching(bench, series, alignment, rules)
    to_disk(bench, series, rules)
    rounds_of_sirt(bench, series, alignment, rules, voxels)


def made_series(height: int) -> tuple[TiltSeries, TiltAlignment]:
    """Noise, with an axis that is turned and shifts."""
    random = np.random.default_rng(0)
    images = random.integers(900, 1100, (TILTS, height, WIDTH), np.int16)
    angles = np.linspace(-60, 60, TILTS)
    a = np.deg2rad(4.3)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    matrices, shifts = np.repeat(turn[None], TILTS, 0), random.uniform(-5, 5, (TILTS, 2))
    alignment = TiltAlignment(matrices, shifts, angles, np.ones(TILTS, bool))
    return TiltSeries(Path("noise.mrc"), images, angles, 1.0), alignment


def in_memory(
    series: TiltSeries, alignment: TiltAlignment, rules: ReconstructRules, rounds: int
) -> tuple[float, float, float]:
    """Best CPU and wall seconds of the whole, and CPU seconds of the sums alone."""
    best_cpu, best_wall, best_sum = 1e9, 1e9, 1e9
    recipe = recipe_of(series, alignment, rules)
    ny = series.images.shape[1]
    for _ in range(rounds + 1):  # the first one compiles
        begin, wall = time.process_time(), time.perf_counter()
        with prepared_rows(series, alignment, recipe, Path(tempfile.gettempdir())) as prepared:
            summing = time.process_time()
            make = lambda y: make_slices(prepared, y, min(y + 8, ny)).shape  # noqa: E731
            in_threads(make, range(0, ny, 8))
        best_sum = min(best_sum, time.process_time() - summing)
        best_cpu = min(best_cpu, time.process_time() - begin)
        best_wall = min(best_wall, time.perf_counter() - wall)
    return best_cpu, best_wall, best_sum


def in_threads(work: Callable[[int], object], items: range) -> None:
    """Do the work on all cores."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(work, items))


def peer_cpu(peer: str, rounds: int) -> float:
    """CPU seconds that a peer takes for one voxel."""
    python = peer_python("tomo", PACKAGES)
    sizes = [str(n) for n in (TILTS, WIDTH, THICKNESS, rounds)]
    env = os.environ | {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [str(python), "-W", "ignore", "-c", PEER, peer, *sizes]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    return float(json.loads(done.stdout.splitlines()[-1]))


def additions_per_s() -> float:
    """Additions of floats a second on one core when the rows lie in the second cache."""
    rows = np.zeros((TILTS // 8 * 8, 2048), np.float32)  # 448 KiB
    out = np.zeros(2048, np.float32)
    best = 1e9
    for _ in range(6):
        begin = time.process_time()
        _add(rows, 400, out)
        best = min(best, time.process_time() - begin)
    return rows.size * 400 / best


@reordered
def _add(rows: np.ndarray, rounds: int, out: np.ndarray) -> None:
    for _ in range(rounds):
        for g in range(0, rows.shape[0], 8):
            p0, p1, p2, p3 = rows[g], rows[g + 1], rows[g + 2], rows[g + 3]
            p4, p5, p6, p7 = rows[g + 4], rows[g + 5], rows[g + 6], rows[g + 7]
            for i in range(out.size):
                out[i] += (p0[i] + p1[i] + p2[i] + p3[i]) + (p4[i] + p5[i] + p6[i] + p7[i])


def switching(
    bench: Bench, series: TiltSeries, alignment: TiltAlignment, rules: ReconstructRules
) -> None:
    """How long a person waits for a slice, the first and after a tilt is switched off."""
    used = np.ones(TILTS, bool)
    used[7] = False
    begin = time.perf_counter()
    with LiveSlices(series, alignment, replace(rules, binning=2)) as live:
        live.slice(z=60)
        bench.figure(
            "first slice of constant height, binned by 2", time.perf_counter() - begin, "s"
        )
        begin = time.perf_counter()
        live.slice(z=60, used=used)
        seconds = time.perf_counter() - begin
    bench.figure("the same without one tilt", seconds, "s", at_most=1)


def to_disk(bench: Bench, series: TiltSeries, rules: ReconstructRules) -> None:
    """Figures of the same in a process of its own, into a file, the rows in a scratch file."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/images.npy", series.images)
        command = [sys.executable, __file__, "--child", folder, str(rules.thickness_px)]
        path = os.environ | {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'bench'}"}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=path)
        seconds, base, peak = json.loads(done.stdout)
    bench.figure("reconstruction into a file of int16, rows in a file", seconds, "s wall")
    bench.figure("its own memory beyond the interpreter's", peak - base, "MB")


def child(folder: Path, thickness: int) -> None:
    """Reconstruct into a file with little memory; say how much was taken."""
    images = np.load(folder / "images.npy", mmap_mode="r")
    series, alignment = made_series(8)
    series = replace(series, images=images)
    rules = ReconstructRules(thickness_px=thickness, binning=1, memory_mb=64)
    watch = _Watch()
    begin = time.perf_counter()
    reconstruct(series, alignment, folder / "full_rec.mrc", rules, watch)
    print(json.dumps([time.perf_counter() - begin, watch.base, watch.peak]))


class _Watch:
    """Looks at the memory that is not a mapped file at each step of progress, in MB."""

    def __init__(self) -> None:
        self.base = self.peak = _anonymous_mb()

    def __call__(self, *_: object) -> None:
        self.peak = max(self.peak, _anonymous_mb())


def _anonymous_mb() -> float:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def rounds_of_sirt(
    bench: Bench,
    series: TiltSeries,
    alignment: TiltAlignment,
    rules: ReconstructRules,
    voxels: int,
) -> None:
    """CPU seconds of one round over the whole tomogram, from a few slices."""
    plan: Layout = recipe_of(series, alignment, rules).plan
    n = 4
    rows = np.random.default_rng(1).normal(size=(n, plan.n_samples)).astype(np.float32)
    out = np.empty((n, plan.nz, plan.nx), np.float32)
    seconds = {}
    for rounds in (1, 3, 11):  # the first one compiles
        begin = time.process_time()
        sirt(rows, plan, replace(rules, method="sirt", iterations=rounds), out)
        seconds[rounds] = time.process_time() - begin
    whole = voxels / out.size
    bench.figure("one round of SIRT", (seconds[11] - seconds[3]) / 8 * whole, "s CPU")
    for name, work in (("projection", project), ("back projection", backproject)):
        pair = (out, plan, rows) if work is project else (rows, plan, out)
        begin = time.process_time()
        work(*pair)
        work(*pair)
        bench.figure(f"{name} alone", (time.process_time() - begin) / 2 * whole, "s CPU")


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()

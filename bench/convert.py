"""CPU and wall of the conversion of made studies over dcm2niix alone writing the same images.

T1, BOLD, DWI and CT are stacks of single slices; the T1 and its head come from nilearn's template,
the rest is noise of the same sizes; the enhanced object holds all slices; mosaics are grown from a
real one of Siemens. Each study is converted
by dcm2niix once for the whole folder, then as the appliance does it: one child for each series
(the engine), or with our own writer where it vouches for a series (the fast path). All images are
compared voxel for voxel. heudiconv and dcm2bids are asked for the same studies where they can be
installed; heudiconv compresses what it makes. Files are in the page cache; results go to memory
where there is room.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _common import Bench, peer_python
from dcm2niix import bin as dcm2niix

from appliance.exchange.converter import convert_objects
from appliance.formats.dicom_walk import compiled_walk
from tests.support.stacks import (
    Stack,
    diffusion_tags,
    write_enhanced,
    write_mosaics,
    write_stack,
)

_SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
_OWN = 12_000  # bytes of the vendor's own block in each header
_TIMEOUT_S = 3600.0
_PEER_S = 900.0  # after which a peer is given up: the table is to end
_ROUNDS_OF_ALL = 2  # all studies once more, as one
Work = Callable[[Path, Path], None]


def head(shape: tuple[int, int, int]) -> np.ndarray:
    """A head of this size (slices, rows, columns), with some noise."""
    import nibabel
    import nilearn

    folder = Path(nilearn.__file__).parent / "datasets" / "data"
    found = next(folder.glob("mni_icbm152_t1*.nii.gz"))
    data = np.asarray(nibabel.load(found).dataobj)
    picks = [np.linspace(0, n - 1, m).astype(int) for n, m in zip(data.shape, shape, strict=True)]
    part = data[np.ix_(*picks)].astype(float)
    noise = np.random.default_rng(0).normal(0, 10, part.shape)
    return np.clip(part / max(1.0, part.max()) * 1500 + noise, 0, 4000).astype("<u2")


def studies(small: bool) -> dict[str, list[Stack]]:
    """What is converted."""
    n = 4 if small else 1
    t1 = (256 // n, 256 // n, 192 // n, 1)
    ct = (512 // n, 512 // n, 216 // n, 1)
    one = Stack(shape=t1, orientation=_SAGITTAL, spacing=(1, 1), slice_mm=1, private_bytes=_OWN)
    one.data = head((t1[2], t1[1], t1[0]))[None]
    bold = Stack(
        shape=(64, 64, 36, 60 // n),
        number=6,
        spacing=(3, 3),
        slice_mm=3.3,
        private_bytes=_OWN,
        tags={"ScanningSequence": "EP"},
    )
    dwi = Stack(
        shape=(112, 112, 40, max(5, 31 // n)),
        number=7,
        spacing=(2, 2),
        slice_mm=2,
        private_bytes=_OWN,
        per_volume=diffusion_tags(max(5, 31 // n)),
    )
    scan = Stack(
        shape=ct,
        number=8,
        modality="CT",
        spacing=(0.5, 0.5),
        slice_mm=0.8,
        slope=(1, -1024),
        private_bytes=_OWN,
    )
    enhanced = Stack(shape=t1, number=9, spacing=(1, 1), slice_mm=1)
    return {"t1": [one], "bold": [bold], "dwi": [dwi], "ct": [scan], "enhanced": [enhanced]}


def cpu_of(work: Work, source: Path, target: Path) -> tuple[float, float]:
    """CPU of this process and its children, and wall, of one conversion."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    before, begin = _cpu_s(), time.perf_counter()
    work(source, target)
    return _cpu_s() - before, time.perf_counter() - begin


def _cpu_s() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def alone(source: Path, target: Path) -> None:
    """Have dcm2niix convert the whole folder."""
    command = [str(dcm2niix), "-z", "n", "-b", "y", "-f", "%s", "-o", str(target), str(source)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def ours(converter: str) -> Work:
    """Convert series by series, as the appliance does."""

    def work(source: Path, target: Path) -> None:
        for series in sorted(source.iterdir()):
            into = target / series.name
            into.mkdir()
            convert_objects(series, into, converter=converter, shadowed=False, timeout_s=_TIMEOUT_S)

    return work


def heudiconv() -> Work | None:
    """Have heudiconv convert a study without a layout of its own."""
    packages = ["heudiconv==1.5.1"]

    def work(source: Path, target: Path) -> None:
        rules = target / "rules.py"
        rules.write_text(
            "def infotodict(seqinfo):\n"
            "    return {(f'run-{n:03d}', ('nii',), None): [s.series_id]"
            " for n, s in enumerate(seqinfo)}\n"
        )
        command = ["-f", str(rules), "-c", "dcm2niix", "-o", str(target), "-s", "1", "-g", "all"]
        _peer(python, "heudiconv.cli.run", [*command, "--files", str(source)])

    python = _installed("heudiconv", packages)
    return work if python else None


def dcm2bids() -> Work | None:
    """Have dcm2bids convert a study, all series of which are wanted."""

    def work(source: Path, target: Path) -> None:
        rules = target / "rules.json"
        wanted = {"datatype": "anat", "suffix": "T1w", "criteria": {"SeriesNumber": "*"}}
        rules.write_text(json.dumps({"descriptions": [wanted], "dup_method": "run"}))
        into = ["-o", str(target), "--skip_dcm2niix"][:2]
        _peer(
            python, "dcm2bids.cli.dcm2bids", ["-d", str(source), "-p", "1", "-c", str(rules), *into]
        )

    python = _installed("dcm2bids", ["dcm2bids==3.3.1"])
    return work if python else None


def _installed(name: str, packages: list[str]) -> Path | None:
    try:
        return peer_python(name, packages)
    except subprocess.CalledProcessError:
        return None


def _peer(python: Path | None, module: str, words: list[str]) -> None:
    folders = f"{Path(dcm2niix).parent}{os.pathsep}{os.environ['PATH']}"
    call = f"import sys; from {module} import main; sys.exit(main())"
    subprocess.run(
        [str(python), "-c", call, *words],
        check=True,
        env={**os.environ, "PATH": folders},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_PEER_S,
    )


def images(folder: Path) -> list[bytes]:
    """Voxels of all images below a folder, without those of proofs, in an order of their own."""
    found = [p for p in folder.rglob("*.nii") if not {"part", "whole"} & set(p.parts)]
    return sorted(path.read_bytes()[352:] for path in found)


def compare(bench: Bench, name: str, source: Path, root: Path, rounds: int) -> None:
    """Print the figures of one study."""
    ways: dict[str, tuple[Work, float | None]] = {
        "engine": (ours("dcm2niix"), 1.15),
        "fast": (ours("native"), 0.5),
    }
    took: dict[str, list[tuple[float, float]]] = {"alone": []}
    for n in range(rounds):
        took["alone"].append(cpu_of(alone, source, root / "alone"))
        for way, (work, _) in ways.items():
            took.setdefault(way, []).append(cpu_of(work, source, root / way))
            if not n and images(root / way) != images(root / "alone"):
                sys.exit(f"{name}: {way} makes other voxels than dcm2niix")
    cpu, wall = zip(*took["alone"], strict=True)
    for way, (_, goal) in ways.items():
        own_cpu, own_wall = zip(*took[way], strict=True)
        base = statistics.median(cpu)
        bench.figure(
            f"{name}_{way}_cpu", statistics.median(own_cpu), "s", baseline=base, at_most=goal
        )
        bench.figure(f"{name}_{way}_wall", min(own_wall), "s", baseline=min(wall))


def compare_peers(bench: Bench, source: Path, root: Path) -> None:
    """Print what other ways to sort and convert a study take."""
    base = cpu_of(alone, source, root / "alone")[0]
    for name, make in (("heudiconv", heudiconv), ("dcm2bids", dcm2bids)):
        work = make()
        if work is None:
            bench.say(f"{name} cannot be installed here")
            continue
        try:
            cpu, wall = cpu_of(work, source, root / name)
        except subprocess.CalledProcessError as error:
            bench.say(f"{name} failed with {error.returncode}")
            continue
        except subprocess.TimeoutExpired:
            bench.say(f"{name} took longer than {_PEER_S:g} s and was ended")
            continue
        bench.figure(f"all_{name}_cpu", cpu, "s", baseline=base)
        bench.say(f"{name}: {wall:.1f} s wall")


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    memory = Path("/dev/shm")  # noqa: S108 - a private folder below it
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30
    root = Path(tempfile.mkdtemp(prefix="nora-bench-", dir=memory if has_room else None))
    rounds = 3 if bench.small else 4
    compiled_walk()  # as in a service that has run for a while
    try:
        for name, stacks in studies(bench.small).items():
            for stack in stacks:
                folder = root / "in" / name / str(stack.number)
                (write_enhanced if name == "enhanced" else write_stack)(folder, stack)
            compare(bench, name, root / "in" / name, root, rounds)
        write_mosaics(root / "in" / "mosaic" / "11", 30 if bench.small else 200, every=2)
        compare(bench, "mosaic", root / "in" / "mosaic", root, rounds)
        compare(bench, "all", _together(root), root, _ROUNDS_OF_ALL)
        compare_peers(bench, root / "together", root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _together(root: Path) -> Path:
    """All series as one study."""
    together = root / "together"
    together.mkdir()
    for series in (root / "in").glob("*/*"):
        series.rename(together / series.name)
    return together


if __name__ == "__main__":
    main()

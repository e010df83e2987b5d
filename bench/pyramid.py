"""CPU, wall and peak memory of a multiscale pyramid over the tools that make the same one.

512^3 int16 noise in an MRC file becomes 64^3 raw chunks in memory. neuroglancer-scripts starts
from a NIfTI with the values already shifted, as its own step wants it. Voxels of all scales are
compared; cloud-volume reads ours back. A volume of 4 GiB is streamed from and to disk.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _common import REPOSITORY, Bench, peer_python

from appliance.formats import MrcWriter
from appliance.tomography.pyramids import write_pyramid

PEERS = {
    "neuroglancer-scripts": ["neuroglancer-scripts==1.2.0", "nibabel"],
    "tensorstore": ["tensorstore", "numpy"],
    "cloud-volume": ["cloud-volume", "tinybrain", "numpy"],
}
MEASURED = """
import json, resource, sys, time
from pathlib import Path
{body}
work(Path(sys.argv[1]), Path(sys.argv[2] + "-warm"), small=True) if {warm} else None
before, start = time.process_time(), time.perf_counter()
work(Path(sys.argv[1]), Path(sys.argv[2]), small=False)
cpu, wall = time.process_time() - before, time.perf_counter() - start
children = resource.getrusage(resource.RUSAGE_CHILDREN)
own = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
peak = max(children.ru_maxrss, int(own.split()[1])) / 1024
print(json.dumps({{"cpu": cpu, "wall": wall, "rss": peak, "children": sum(children[:2])}}))
"""
OURS = """
sys.path.insert(0, {repository!r})
from appliance.formats import read_mrc_stack
from appliance.tomography.pyramids import write_pyramid, write_pyramid_of
def work(source, target, small):
    if small:
        volume, _ = read_mrc_stack(source)
        write_pyramid_of(volume[:66, :66, :130], target, voxel_nm=(1, 1, 1))
    else:
        write_pyramid(source, target)
"""
SCRIPTS = """
import subprocess
def work(source, target, small):
    command = [str(Path(sys.executable).with_name("volume-to-precomputed-pyramid")),
        "--downscaling-method=average", "--no-gzip", "--flat",
        str(source.with_suffix(".nii")), str(target)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""
TENSORSTORE = """
import numpy as np, tensorstore as ts
def work(source, target, small):
    values = np.memmap(source.with_suffix(".raw"), np.uint16, "r").reshape(512, 512, 512).T
    scale = dict(resolution=[1, 1, 1], encoding="raw", chunk_size=[64, 64, 64], size=[512] * 3)
    for level in range(3):
        spec = dict(driver="neuroglancer_precomputed",
            kvstore=dict(driver="file", path=str(target) + "/"),
            multiscale_metadata=dict(data_type="uint16", num_channels=1, type="image"),
            scale_metadata=dict(scale, resolution=[2 ** level] * 3, size=[512 >> level] * 3))
        store = ts.open(spec, create=True).result()[..., 0]
        if level:
            values = ts.downsample(ts.array(np.asarray(values)), [2, 2, 2], "mean").read().result()
        store.write(np.asarray(values)).result()
"""
CLOUD = """
import numpy as np, tinybrain
from cloudvolume import CloudVolume
def work(source, target, small):
    values = np.fromfile(source.with_suffix(".raw"), np.uint16).reshape(512, 512, 512).T
    info = CloudVolume.create_new_info(1, "image", "uint16", "raw", [1, 1, 1], [0, 0, 0],
        [512] * 3, chunk_size=[64] * 3)
    volume = CloudVolume("file://" + str(target), info=info, compress=False, progress=False)
    volume.add_scale([2, 2, 2])
    volume.add_scale([4, 4, 4])
    volume.commit_info()
    scales = [np.asarray(values), *tinybrain.downsample_with_averaging(
        np.asfortranarray(values)[..., None], (2, 2, 2), num_mips=2)]
    for mip, data in enumerate(scales):
        level = CloudVolume("file://" + str(target), mip=mip, compress=False, progress=False)
        level[:, :, :] = data.reshape(*data.shape[:3], 1)
"""
READ_BACK = """
import sys, numpy as np
from cloudvolume import CloudVolume
volume = CloudVolume("file://" + sys.argv[1], mip=0, progress=False, fill_missing=False)
stored = np.memmap(sys.argv[2], np.uint16, "r").reshape(512, 512, 512)
sys.exit(0 if (np.asarray(volume[:, :, :])[..., 0].T == stored).all() else 1)
"""


def measured(
    python: Path, body: str, source: Path, target: Path, *, warm: bool
) -> dict[str, float]:
    """Run one tool in a process of its own; the best of two."""
    best: dict[str, float] = {}
    for attempt in range(2):
        place = target.with_name(f"{target.name}-{attempt}")
        script = MEASURED.format(body=body, warm=warm)
        command = [str(python), "-c", script, str(source), str(place)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(told.splitlines()[-1])
        found["cpu"] += found["children"]
        if attempt:  # the first one is compared
            shutil.rmtree(place)
        if not best or found["cpu"] < best["cpu"]:
            best = found
    return best


def same_voxels(ours: Path, theirs: Path) -> bool:
    """Tell whether all scales hold the same chunks with the same bytes."""
    for scale in sorted(path for path in ours.iterdir() if path.is_dir()):
        factor = scale.name.partition("_")[0]
        other = theirs / f"{factor}nm"
        for chunk in scale.iterdir():
            if chunk.read_bytes() != (other / chunk.name).read_bytes():
                return False
    return True


def make(folder: Path, n: int) -> Path:
    """Write the volume in the forms that the tools start from; give the MRC file."""
    source = folder / "a_rec.mrc"
    values = np.random.default_rng(0).normal(0, 900, (n, n, n)).astype(np.int16)
    with MrcWriter(source, values.shape, np.int16, 10.0) as writer:
        writer.write(0, values)
    stored = values.view(np.uint16) ^ np.uint16(1 << 15)
    stored.tofile(source.with_suffix(".raw"))
    import nibabel as nib

    image = nib.Nifti1Image(stored.T, np.diag([1e-6, 1e-6, 1e-6, 1]))
    image.header.set_xyzt_units("mm")
    nib.save(image, source.with_suffix(".nii"))
    return source


def main() -> int:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    folder = Path(tempfile.mkdtemp(prefix="pyramid-", dir="/dev/shm"))
    try:
        compare(bench, folder)
        shutil.rmtree(folder)
        if not bench.small:
            large(bench)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if bench.missed else 0


def compare(bench: Bench, folder: Path) -> None:
    """Set ours beside the peers."""
    source = make(folder, 512)
    ours_body = OURS.format(repository=str(REPOSITORY))
    ours = measured(Path(sys.executable), ours_body, source, folder / "ours", warm=True)
    bodies = {"neuroglancer-scripts": SCRIPTS, "tensorstore": TENSORSTORE, "cloud-volume": CLOUD}
    for name, body in bodies.items():
        python = peer_python(name, PEERS[name])
        theirs = measured(python, body, source, folder / name, warm=False)
        goal = {"at_least": 6.0} if name == "neuroglancer-scripts" else {}
        bench.figure(f"{name} CPU over ours", theirs["cpu"], "s", baseline=ours["cpu"], **goal)
        bench.figure(f"{name} wall over ours", theirs["wall"], "s", baseline=ours["wall"])
        bench.figure(f"{name} peak memory", theirs["rss"], "MiB", baseline=ours["rss"])
    same = same_voxels(folder / "ours-0", folder / "neuroglancer-scripts-0")
    bench.figure("voxels as neuroglancer-scripts", float(same), "1 = all", at_least=1.0)
    reader = [str(peer_python("cloud-volume", PEERS["cloud-volume"])), "-c", READ_BACK]
    read = subprocess.run(
        [*reader, str(folder / "ours-0"), str(source.with_suffix(".raw"))], check=False
    )
    bench.figure("cloud-volume reads ours back", float(read.returncode == 0), "1 = all", at_least=1)
    write_pyramid(source, folder / "shards", sharded=True)
    read = subprocess.run(
        [*reader, str(folder / "shards"), str(source.with_suffix(".raw"))], check=False
    )
    bench.figure(
        "cloud-volume reads our shards", float(read.returncode == 0), "1 = all", at_least=1
    )


def large(bench: Bench) -> None:
    """Stream 4 GiB; the memory map is given back as it is read."""
    with tempfile.TemporaryDirectory(prefix="pyramid-", dir=Path.cwd()) as name:
        source = Path(name) / "large_rec.mrc"
        section = np.random.default_rng(0).integers(-500, 500, (16, 1024, 1024)).astype(np.int16)
        with MrcWriter(source, (2048, 1024, 1024), np.int16, 10.0) as writer:
            for z in range(0, 2048, 16):
                writer.write(z, section)
        body = OURS.format(repository=str(REPOSITORY))
        script = MEASURED.format(body=body, warm=False)
        command = [sys.executable, "-c", script, str(source), str(Path(name) / "p")]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(told.splitlines()[-1])
        bench.figure("peak memory of 4 GiB", found["rss"], "MiB", at_most=600)
        bench.figure("wall of 4 GiB, disk to disk", found["wall"], "s")


if __name__ == "__main__":
    raise SystemExit(main())

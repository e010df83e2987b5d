"""Objects received by C-STORE a second, over Orthanc, DCMTK's storescp and plain pynetdicom.

Small (24 KB) and large (0.5 MB) objects, over one and over four associations, sent by storescu and
dcmsend as Debian ships them, and by a dcmsend whose Nagle algorithm is off. We, Orthanc and
pynetdicom sync each object to the disk before they acknowledge it; storescp never does. The wall
time is that of the senders, their start included; every object is new to its receiver. All four
take turns, and the median of the rounds counts. Orthanc fills its index on the way, we our journal.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from _common import Bench
from _receivers import RECEIVERS, receiving

from tests.exchange.kit import write_series
from tests.support.needs import needs

SIZES = {"small": 110, "large": 512}  # pixels along a side, of two bytes each
SENDERS = ("storescu", "dcmsend", "nodelay")
_SERIES = "1.2.826.0.1.3680043.10.998.7"
_MARK = "1" * 12
_NUMBERS = count(1)


def template(folder: Path, size: int) -> bytes:
    """One object whose identifier ends in a mark."""
    return write_series(folder, n=1, first=int(_MARK) - 1, series_uid=_SERIES, size=size)[
        0
    ].read_bytes()


def fresh(folder: Path, data: bytes, n: int) -> list[Path]:
    """Objects that nobody has seen yet."""
    folder.mkdir()
    paths = []
    for _ in range(n):
        number = f"{2 * 10**11 + next(_NUMBERS)}"
        paths.append(folder / f"{number}.dcm")
        old, new = (f"{_SERIES}.{end}".encode() for end in (_MARK, number))
        paths[-1].write_bytes(data.replace(old, new))
    return paths


def send(sender: str, port: int, parts: list[list[Path]]) -> float:
    """Send each part over an association of its own, all at once; gives the seconds."""
    program = "storescu" if sender == "storescu" else "dcmsend"
    env = {**os.environ, "TCP_NODELAY": "1"} if sender == "nodelay" else None
    to = [needs(program), "-aec", "ARCHIVE", "127.0.0.1", str(port)]
    begin = time.perf_counter()
    senders = [subprocess.Popen([*to, *map(str, part)], env=env) for part in parts]
    codes = [one.wait() for one in senders]
    took_s = time.perf_counter() - begin
    assert not any(codes), (sender, port, codes)
    return took_s


def row(bench: Bench, root: Path, ports: dict[str, int], what: tuple[str, int, str]) -> None:
    """Measure one combination at all receivers in turn."""
    size, n_associations, sender = what
    n = {"small": 120, "large": 60}[size] // (3 if bench.small else 1)
    data = template(root / "template", SIZES[size])
    rates: dict[str, list[float]] = {name: [] for name in ports}
    for _ in range(1 if bench.small else 3):
        for name, port in ports.items():
            paths = fresh(root / "out", data, n)
            parts = [paths[k::n_associations] for k in range(n_associations)]
            rates[name].append(n / send(sender, port, parts))
            shutil.rmtree(root / "out")
    found = {name: statistics.median(values) for name, values in rates.items()}
    name = f"cstore_{size}_{n_associations}_{sender}"
    mib = {peer: rate * len(data) / 1e6 for peer, rate in found.items()}
    bench.say(f"{name}: " + ", ".join(f"{peer} {mib[peer]:.1f} MB/s" for peer in found))
    bench.figure(name, found["ours"], "objects/s", baseline=found["orthanc"], at_least=1.0)
    for peer in ("storescp", "pynetdicom"):
        bench.figure(f"{name}_{peer}", found["ours"], "objects/s", baseline=found[peer])
    bench.figure(f"{name}_bytes", mib["ours"], "MB/s", baseline=mib["orthanc"])


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    try:
        with ExitStack() as stack:
            ports = {name: stack.enter_context(receiving(name, root)) for name in RECEIVERS}
            for size in SIZES:
                for n_associations in (1, 4):
                    for sender in SENDERS:
                        row(bench, root, ports, (size, n_associations, sender))
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()

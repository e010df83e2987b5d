"""Time from `nora serve` to its first answer, cold and warm, and memory at rest."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from _common import Bench

from tests.support.service import Service

REST_S = 5.0


def started(root: Path) -> tuple[float, Service]:
    """Seconds to the first answer, and the running service."""
    service = Service(root, {"NUMBA_CACHE_DIR": str(root / "cache" / "numba")})
    begin = time.perf_counter()
    service.start()
    return time.perf_counter() - begin, service


def memory_mb(pid: int) -> float:
    """Proportional set size of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def at_rest(service: Service) -> float:
    """Memory some seconds after the start."""
    time.sleep(REST_S)
    assert service.process is not None
    return memory_mb(service.process.pid)


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    try:
        cold_s, service = started(root / "data")
        service.stop()
        warm: list[float] = []
        memory = 0.0
        for _ in range(2 if bench.small else 5):
            took_s, service = started(root / "data")
            warm.append(took_s)
            memory = memory or at_rest(service)
            service.stop()
    finally:
        shutil.rmtree(root, ignore_errors=True)
    bench.figure("start_cold", cold_s, "s")
    bench.figure("start_warm", min(warm), "s", at_most=3.0)
    bench.figure("memory_at_rest", memory, "MB", at_most=350.0)


if __name__ == "__main__":
    main()

"""MB/s of a large file and requests/s of 1 MB ranges, over Starlette's FileResponse."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from _common import Bench, peer_python

from tests.support.service import Service, free_port
from tests.support.waiting import wait_until

PEER = ["starlette==1.0.0", "uvicorn==0.54.0", "uvloop", "httptools"]
MB = 1 << 20
PEER_APP = """
import sys
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route
import uvicorn

async def file(request):
    return FileResponse(sys.argv[1])

uvicorn.run(Starlette(routes=[Route("/file", file)]), port=int(sys.argv[2]), log_level="error",
            access_log=False)
"""


class Fetcher:
    """A keep-alive HTTP/1.1 client that reads bodies and throws them away."""

    def __init__(self, port: int, path: str, headers: str = "") -> None:
        self.head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}".encode()
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(4 * MB)

    def get(self, first: int | None = None, last: int | None = None) -> int:
        """Fetch all or a range; returns the number of body bytes."""
        extra = b"" if first is None else f"Range: bytes={first}-{last}\r\n".encode()
        self.socket.sendall(self.head + extra + b"\r\n")
        got = self.socket.recv(65536)
        while b"\r\n\r\n" not in got:
            got += self.socket.recv(65536)
        head, body = got.split(b"\r\n\r\n", 1)
        status = int(head.split(b" ", 2)[1])
        assert status == (200 if first is None else 206), head.decode()
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(lines[b"content-length"])
        left = length - len(body)
        while left:
            n = self.socket.recv_into(self.buffer, min(left, len(self.buffer)))
            assert n, "connection closed"
            left -= n
        return length


def whole_mb_s(fetcher: Fetcher, rounds: int) -> float:
    """MB/s of the whole file."""
    begin = time.perf_counter()
    total = sum(fetcher.get() for _ in range(rounds))
    return total / MB / (time.perf_counter() - begin)


def ranges_s(fetcher: Fetcher, size: int, n: int) -> float:
    """1 MB ranges a second, spread over the file."""
    starts = (np.random.default_rng(1).random(n) * (size - MB)).astype(int)
    begin = time.perf_counter()
    for start in starts:
        fetcher.get(int(start), int(start) + MB - 1)
    return n / (time.perf_counter() - begin)


@contextlib.contextmanager
def starlette(path: Path) -> Iterator[Fetcher]:
    """The peer, serving one file."""
    port = free_port()
    command = [str(peer_python("http", PEER)), "-c", PEER_APP, str(path), str(port)]
    process = subprocess.Popen(command)
    try:
        yield wait_until(lambda: connected(port), "the peer answers")
    finally:
        process.terminate()
        process.wait()


def connected(port: int) -> Fetcher | None:
    """A client, when somebody listens."""
    try:
        return Fetcher(port, "/file")
    except OSError:
        return None


def ours(service: Service, path: Path) -> Fetcher:
    """Put the file into the service and return a client of its address."""
    receipt = service.upload(path.name, path.read_bytes(), subject="BENCH", study="20240101")
    service.closed(receipt["key"])
    row = service.items("/projects/default/files")[0]
    answer = service.post("/profile/tokens", {"name": "bench"})
    token = answer.get("token") or answer["secret"]
    return Fetcher(service.web_port, row["content_url"], f"Authorization: Bearer {token}\r\n")


def nifti(path: Path, size: int) -> Path:
    """A NIfTI-1 image of about `size` bytes."""
    depth = size // (256 * 256 * 2)
    header = np.zeros(352, dtype=np.uint8)
    header[0:4] = np.array([348], "<i4").view(np.uint8)
    header[40:56] = np.array([3, 256, 256, depth, 1, 1, 1, 1], "<i2").view(np.uint8)
    header[70:74] = np.array([4, 16], "<i2").view(np.uint8)
    header[76:92] = np.array([1, 1, 1, 1], "<f4").view(np.uint8)
    header[108:112] = np.array([352], "<f4").view(np.uint8)
    header[344:348] = np.frombuffer(b"n+1\0", np.uint8)
    voxels = np.random.default_rng(0).integers(0, 1000, 256 * 256 * depth, dtype=np.int16)
    path.write_bytes(header.tobytes() + voxels.tobytes())
    return path


def best(measure: Callable[[Fetcher], float], mine: Fetcher, peer: Fetcher) -> tuple[float, float]:
    """Best of three interleaved rounds of both."""
    pairs = [(measure(mine), measure(peer)) for _ in range(3)]
    return max(a for a, _ in pairs), max(b for _, b in pairs)


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    rounds, n = (4, 60) if bench.small else (10, 300)
    root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    service = Service(root / "data")
    try:
        path = nifti(root / "big.nii", 50_000_000)
        size = path.stat().st_size
        service.start()
        mine = ours(service, path)
        with starlette(path) as peer:
            whole = best(lambda f: whole_mb_s(f, rounds), mine, peer)
            ranges = best(lambda f: ranges_s(f, size, n), mine, peer)
    finally:
        service.stop()
        shutil.rmtree(root, ignore_errors=True)
    bench.figure("http_whole_file", whole[0], "MB/s", baseline=whole[1])
    bench.figure("http_1mb_ranges", ranges[0], "req/s", baseline=ranges[1], at_least=1.5)


if __name__ == "__main__":
    sys.exit(main())

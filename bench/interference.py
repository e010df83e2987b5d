"""Bench: what people and scanners feel while everything else happens, over what each is alone.

A real service over a made catalog. Alone, one after the other: a filter over all studies (p95), a
page of the table and one of the jobs, through HTTP (p95), how late the event loop is (p99), objects
a second that a sender stores (C-STORE), and a whole import of a folder of DICOM. Then all of it at
once while every slot runs a job that only computes: jobs that step back (niceness 10, as usual),
and jobs that do not (niceness 0). Each figure is told over its own alone, in the same run.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
from _common import REPOSITORY, Bench
from _made_catalog import PATTERNS, PROJECT, made_catalog

from appliance.upkeep.demo_dicom import MadePatient, MadeSeries, write_series
from tests.support.service import Service
from tests.support.waiting import wait_until

SLOTS = os.cpu_count() or 1
GOAL = 1.5
PAUSE_S = 0.05
WATCHED = (sys.executable, str(REPOSITORY / "bench" / "_watched.py"))
# Sends a folder again and again over one association until its time is over.
SENDER = """
import sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from pydicom import dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import MRImageStorage
objects = [dcmread(path) for path in sorted(Path(sys.argv[2]).rglob("*.dcm"))]
ae = AE()
ae.add_requested_context(MRImageStorage)
link = ae.associate("127.0.0.1", int(sys.argv[1]))
assert link.is_established
end, sent, begin = time.monotonic() + float(sys.argv[3]), 0, time.monotonic()
series = generate_uid()
while time.monotonic() < end:
    one = objects[sent % len(objects)]
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    one.SeriesInstanceUID = series
    assert link.send_c_store(one).Status == 0x0000
    sent += 1
print(sent / (time.monotonic() - begin))
link.release()
"""
# Asks as a person does, again and again: the socket, seconds, a pause, then paths in turn.
ASKER = """
import http.client, itertools, socket, sys, time
class Here(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
link, paths, found = Here("localhost"), itertools.cycle(sys.argv[4:]), []
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    begin = time.monotonic()
    link.request("GET", "/api/v1" + next(paths))
    answer = link.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    found.append(1000 * (time.monotonic() - begin))
    time.sleep(float(sys.argv[3]))
found.sort()
print(found[int(0.95 * len(found))])
"""


class Scene:
    """A service on data of its own, and what may be done to it."""

    def __init__(self, root: Path, small: bool, nice: int) -> None:
        data = root / "data"
        data.mkdir(parents=True)
        made_catalog(data, small=small)
        env = {"NORA__JOBS__CPUS": str(SLOTS), "NORA__JOBS__NICE": str(nice)}
        env |= {"NORA__JOBS__SANDBOX": "off", "NORA__IMPORTS__MAX_FILES": "1000000"}
        self.service = Service(data, env, prefix=WATCHED)
        self.service.start()
        ready = "postings of"
        wait_until(lambda: ready in self.service.log(), "the postings are loaded", within_s=180)
        self.root, self.dropped = root, 0
        self.study(root / "sent", "SENT", 1, 24)
        self.visits = [
            self.study(root / f"visit{n}", f"BENCH{n}", 10, 16 if small else 64)
            for n in range(4 if small else 12)
        ]

    def study(self, folder: Path, name: str, n_series: int, n_slices: int) -> Path:
        """Make a visit with noise in it."""
        patient = MadePatient(f"DEMO^{name}", name, study_date="20240101")
        noise = np.random.default_rng(len(name))
        for number in range(1, n_series + 1):
            data = noise.integers(0, 1200, (192, 192, n_slices), dtype=np.int16)
            series = MadeSeries(number=number, description=f"series_{number}", patient=patient)
            write_series(folder / f"{number:02d}", data, np.diag([1.0, 1, 1.2, 1]), series)
        return folder

    def imports(self, seconds: float) -> float:
        """Drop one visit of ten series after the other; seconds until each is catalogued."""
        taken, end = [], time.monotonic() + seconds
        while time.monotonic() < end and self.visits:
            folder, begin = self.visits.pop(), time.monotonic()
            folder.rename(self.service.folder.drop / folder.name)
            self.dropped += 1
            wait_until(self._imported, "the visit is catalogued", every_s=0.1, within_s=600)
            taken.append(time.monotonic() - begin)
        return sum(taken) / len(taken)

    def _imported(self) -> bool:
        path = self.service.folder.catalog_path
        query = "SELECT count(*) FROM receipts WHERE kind = 'drop' AND state = 'done'"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
            return int(con.execute(query).fetchone()[0]) >= self.dropped

    def store(self, seconds: float) -> float:
        """Objects a second that a sender stores."""
        return said(SENDER, self.service.dicom_port, self.root / "sent", seconds)

    def ask(self, name: str, seconds: float) -> float:
        """Ask the service; the 95th percentile in ms."""
        studies = f"/projects/{PROJECT}/studies"
        filters = [f"{studies}?files={quote(text)}" for text in PATTERNS.values()]
        pages = {"page": [f"{studies}?limit=200"], "jobs_page": ["/jobs?limit=200"]}
        paths = filters if name == "filter" else pages[name]
        return said(ASKER, self.service.folder.socket_path, seconds, PAUSE_S, *paths)

    def late_ms(self, begin: float) -> float:
        """99th percentile of how late the loop was since a moment."""
        lines = (self.service.root / "lag").read_text(encoding="ascii").splitlines()[:-1]
        pairs = (map(float, line.split()) for line in lines)
        return float(np.percentile([late for at, late in pairs if at >= begin], 99))

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Run a job that only computes in every slot."""
        job = {"name": "spin", "language": "bash", "code": "while :; do :; done"}
        need = {"cpus": 1, "memory_mb": 64}
        study = self.service.get(f"/projects/{PROJECT}/studies", limit=1)["items"][0]["psid"]
        body = {"project": PROJECT, "name": "spin", "mode": "parallel", "targets": [study]}
        body["jobs"] = [{**job, "resources": need}] * SLOTS
        key = self.service.post("/batches", body)["key"]

        def run() -> bool:
            return len(self.service.items("/jobs", batch=key, state="r")) == SLOTS

        wait_until(run, "all slots are busy", within_s=60)
        try:
            yield
        finally:
            where = {"where": {"batch": key}, "action": "cancel"}
            self.service.post("/jobs/actions", where)


def said(program: str, *arguments: object) -> float:
    """Run a small program beside the service; give the number that it prints."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


ASKS = ("filter", "page", "jobs_page")


def alone(scene: Scene, seconds: float) -> dict[str, float]:
    """Measure one after the other."""
    begin = time.monotonic()
    time.sleep(seconds)
    found = {"loop": scene.late_ms(begin)}
    found |= {name: scene.ask(name, seconds) for name in ASKS}
    found["store"] = scene.store(seconds)
    found["import"] = scene.imports(seconds)
    return found


def together(scene: Scene, seconds: float) -> dict[str, float]:
    """Measure all at once."""
    with scene.busy(), ThreadPoolExecutor() as pool:
        begin = time.monotonic()
        work = {name: pool.submit(scene.ask, name, seconds) for name in ASKS}
        work["store"] = pool.submit(scene.store, seconds)
        work["import"] = pool.submit(scene.imports, seconds)
        found = {name: future.result() for name, future in work.items()}
        return found | {"loop": scene.late_ms(begin)}


def measured(bench: Bench, nice: int) -> tuple[dict[str, float], dict[str, float]]:
    """Measure alone and together, in one life of the service."""
    seconds = 3.0 if bench.small else 20.0
    with ExitStack() as stack:
        root = Path(tempfile.mkdtemp(prefix="nora-bench-"))
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        scene = Scene(root, bench.small, nice)
        stack.callback(scene.service.stop)
        bench.say(f"niceness {nice}: alone")
        solo = alone(scene, seconds)
        bench.say(f"niceness {nice}: all at once")
        return solo, together(scene, seconds)


UNITS = {
    "filter": "ms p95",
    "page": "ms p95",
    "jobs_page": "ms p95",
    "loop": "ms p99",
    "import": "s",
    "store": "objects/s",
}


def main() -> int:
    """Measure beside jobs that step back, and beside jobs that do not."""
    bench = Bench.from_arguments(__doc__)
    polite, rude = measured(bench, 10), measured(bench, 0)
    for name, unit in UNITS.items():
        goal = {"at_least": 1 / GOAL} if name == "store" else {"at_most": GOAL}
        for nice, (solo, both) in ((10, polite), (0, rude)):
            aim = goal if nice else {}
            bench.figure(
                f"interference.{name}.nice_{nice}", both[name], unit, baseline=solo[name], **aim
            )
        bench.figure(
            f"interference.{name}.what_niceness_buys",
            polite[1][name],
            unit,
            baseline=rude[1][name],
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

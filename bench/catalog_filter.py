"""A filter bar at two million files: the newest 200 of the fitting studies and their exact number.

20,000 subjects, 50,000 studies, 2,000,000 files; eight patterns. Ours gives whole rows (tags,
counts, modalities, preview); the baseline is a flat table of paths under LIKE with an index, and
gives ids and the number only. The floor is one pass through the bytes of the postings.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import numpy as np
from _busy import import_one
from _common import REPOSITORY, Bench
from _made_catalog import PATTERNS, PROJECT, made_catalog

from appliance.catalog import (
    Catalog,
    FileQuery,
    StudyQuery,
    get_project,
    list_files,
    list_projects,
    list_studies,
)
from appliance.catalog.keeper import Keeper
from tests.support.service import Service
from tests.support.waiting import wait_until

_FLAT = (
    "SELECT count(*) OVER (), s.id FROM studies s"
    " WHERE s.id IN (SELECT study_id FROM flat WHERE {})"
    " ORDER BY s.date DESC, s.id DESC LIMIT 200"
)
Times = dict[str, list[float]]


def timed(run: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    begin = time.perf_counter()
    run()
    return (time.perf_counter() - begin) * 1000


def p95(times: list[float]) -> float:
    """The 95th percentile."""
    return float(np.percentile(times, 95))


def page(catalog: Catalog, pattern: str) -> int:
    """One page of studies with its total, as a request asks for it."""
    with catalog.read() as con:
        project = get_project(con, PROJECT)
        return list_studies(con, project.id, StudyQuery(files=pattern)).total


def measure(catalog: Catalog, keeper: Keeper, rounds: int) -> Times:
    """Every pattern in turn, as typed for the first time: nothing is remembered of it."""
    found: Times = {name: [] for name in PATTERNS}
    for _ in range(rounds):
        for name, pattern in PATTERNS.items():
            keeper.paths.clear()
            found[name].append(timed(lambda pattern=pattern: page(catalog, pattern)))
    return found


def make_flat(path: Path) -> None:
    """A second database with one row a file and an index that LIKE can use."""
    with closing(sqlite3.connect(path.with_name("flat.sqlite"))) as con:
        con.execute("ATTACH ? AS c", (str(path),))
        con.execute("CREATE TABLE studies AS SELECT id, date FROM c.studies")
        con.execute("CREATE UNIQUE INDEX studies_by_id ON studies (id)")
        con.execute(
            "CREATE TABLE flat AS SELECT f.study_id, p.path FROM c.files f"
            " JOIN c.paths p ON p.id = f.path_id"
        )
        con.execute("CREATE INDEX flat_by_path ON flat (path COLLATE NOCASE, study_id)")
        con.execute("ANALYZE")


def measure_flat(path: Path, rounds: int) -> Times:
    """The same patterns by SQL on the flat table."""
    found: Times = {name: [] for name in PATTERNS}
    with closing(sqlite3.connect(path.with_name("flat.sqlite"))) as con:
        for _ in range(rounds):
            for name, pattern in PATTERNS.items():
                likes = [f"{part.replace('*', '%').rstrip('%')}%" for part in pattern.split()]
                sql = _FLAT.format(" OR ".join(["path LIKE ?"] * len(likes)))
                begin = time.perf_counter()
                con.execute(sql, likes).fetchall()
                found[name].append((time.perf_counter() - begin) * 1000)
    return found


def floor_ms(keeper: Keeper, rounds: int) -> float:
    """One pass through the bytes that a filter may have to read."""
    postings = keeper.state()
    assert postings is not None
    rows = postings.base.rows.study
    return float(np.median([timed(lambda: np.bitwise_or.reduce(rows)) for _ in range(rounds)]))


@contextmanager
def importing(catalog: Catalog) -> Iterator[list[int]]:
    """Import studies on another thread for as long as the block runs."""
    done: list[int] = []
    stop = threading.Event()

    def run() -> None:
        for n in count():
            if stop.is_set():
                return
            import_one(catalog, PROJECT, n)
            done.append(n)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


def in_process(bench: Bench, path: Path, rounds: int) -> None:
    """Figures of the library itself."""
    flat = measure_flat(path, 2 if bench.small else 3)
    catalog = Catalog.open(path)
    try:
        begin = time.perf_counter()
        keeper = catalog.start_postings()
        assert keeper.wait_loaded(120)
        bench.figure("postings_load", time.perf_counter() - begin, "s")
        postings = keeper.state()
        assert postings is not None
        bench.figure("postings_memory", postings.n_bytes / 1e6, "MB")
        floor = floor_ms(keeper, rounds)
        bench.figure("postings_one_pass", floor, "ms")
        page(catalog, "*")
        quiet = measure(catalog, keeper, rounds)
        for name, times in quiet.items():
            text = f"p50 {np.median(times):.1f} p95 {p95(times):.1f} max {max(times):.1f} ms"
            bench.say(f"{name}: {text}; {np.median(times) / floor:.1f} passes")
            bench.figure(f"filter_{name}", p95(times), "ms", baseline=p95(flat[name]))
        bench.figure("filter_worst_p95", max(map(p95, quiet.values())), "ms", at_most=50)
        begin = time.thread_time()
        measure(catalog, keeper, rounds)
        cpu = (time.thread_time() - begin) * 1000 / (rounds * len(PATTERNS))
        bench.figure("filter_mean_cpu", cpu, "ms")  # what neighbours on the machine cannot change
        other_pages(bench, catalog, rounds)
        with importing(catalog) as done:
            begin = time.perf_counter()
            busy = measure(catalog, keeper, rounds)
            rate = len(done) * 40 / (time.perf_counter() - begin)
        for name, times in busy.items():
            bench.say(f"{name} while importing: p50 {np.median(times):.1f} p95 {p95(times):.1f} ms")
        bench.say(f"{rate:.0f} files/s were imported meanwhile")
        every = [t for times in busy.values() for t in times]
        bench.figure("filter_while_importing_p95", p95(every), "ms", at_most=50)
    finally:
        catalog.close()


def other_pages(bench: Bench, catalog: Catalog, rounds: int) -> None:
    """The other lists that a person looks at."""
    with catalog.read() as con:
        big = get_project(con, PROJECT).id
        asked: dict[str, Callable[[], object]] = {
            "files_page": lambda: list_files(con, big, FileQuery(files="t1*")),
            "files_by_size_page": lambda: list_files(con, big, FileQuery(sort="-size")),
            "studies_by_subject_page": lambda: list_studies(con, big, StudyQuery(sort="pid")),
            "tag_and_pattern": lambda: list_studies(
                con, big, StudyQuery(files="t1_tri*/s0*.nii & STAG:control")
            ),
            "file_tag": lambda: list_studies(con, big, StudyQuery(files="FTAG:mask")),
            "projects": lambda: list_projects(con),
        }
        for name, ask in asked.items():
            bench.figure(name, p95([timed(ask) for _ in range(rounds)]), "ms", at_most=50)


def through_http(bench: Bench, path: Path, rounds: int) -> None:
    """Figures of the service, with a thread beside it that imports at full speed."""
    service = Service(path.parent, prefix=(sys.executable, str(REPOSITORY / "bench" / "_busy.py")))
    try:
        service.start()
        wait_until(lambda: "postings of" in service.log(), "the postings are loaded", within_s=120)
        for state in ("quiet", "importing"):
            if state == "importing":
                (path.parent / "busy").touch()
            found = measure_http(service, rounds)
            (path.parent / "busy").unlink(missing_ok=True)
            every = [t for times in found.values() for t in times]
            for name, times in found.items():
                bench.say(
                    f"http {state} {name}: p50 {np.median(times):.1f} p95 {p95(times):.1f} ms"
                )
            bench.figure(f"http_filter_{state}_p95", p95(every), "ms", at_most=80)
    finally:
        service.stop()


def measure_http(service: Service, rounds: int) -> Times:
    """Every pattern in turn, each a little different, so that nothing is remembered of it."""
    found: Times = {name: [] for name in PATTERNS}
    address = f"/projects/{PROJECT}/studies"
    service.http.get(address, params={"files": "x"}).raise_for_status()
    for n in range(rounds):
        for name, pattern in PATTERNS.items():
            text = pattern if pattern == "*" else f"{pattern} absent{n}"
            begin = time.perf_counter()
            service.http.get(address, params={"files": text}).raise_for_status()
            found[name].append((time.perf_counter() - begin) * 1000)
    return found


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    rounds = 5 if bench.small else 15
    folder = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    try:
        data = folder / "data"
        data.mkdir()
        path = made_catalog(data, small=bench.small)
        make_flat(path)
        in_process(bench, path, rounds)
        path.with_name("flat.sqlite").unlink()
        through_http(bench, path, rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

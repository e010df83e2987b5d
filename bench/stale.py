"""An input changes in a catalog of 2,000,000 files: until all is marked, and what marks cost.

Every derived file is made from one image of its own study; one atlas is an input of all of them.
The page and the count with `STALE:*` are set beside the same question without it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _common import CACHE, Bench
from _made_catalog import PROJECT, made_catalog

from appliance.catalog import Catalog, FileQuery, StudyQuery, get_project, list_files, list_studies
from appliance.jobs import stale_texts
from appliance.jobs.stale import StaleKeeper, stale_attribute
from appliance.upkeep import catalog_extensions

N_PER_ATTEMPT = 2
_RECORDS = """
WITH made AS (
  SELECT f.id, f.study_id, f.size_bytes, f.mtime_ns,
    row_number() OVER (PARTITION BY f.study_id ORDER BY f.id) AS n
  FROM files f WHERE f.study_id <= :last AND f.trashed_at IS NULL)
INSERT INTO provenance_file SELECT 'attempt:' || study_id || '/1', iif(n = 1, 'in', 'out'), id,
  size_bytes, mtime_ns, NULL FROM made WHERE n <= :made + 1
"""


def prepare(catalog: Catalog, n_attempts: int) -> int:
    """Record one attempt for each of some studies; gives the atlas, an input of all of them."""

    def write(tx: Any) -> int:
        con = tx.con
        atlas = int(con.execute("SELECT max(id) FROM files").fetchone()[0])
        values = {"last": n_attempts, "atlas": atlas, "made": N_PER_ATTEMPT}
        con.execute(
            _RECORDS,
            values,
        )
        con.execute(
            "INSERT INTO provenance_file SELECT DISTINCT o.origin, 'in', f.id, f.size_bytes,"
            " f.mtime_ns, NULL FROM provenance_file o JOIN files f ON f.id = :atlas",
            values,
        )
        con.execute(
            "UPDATE files SET origin = (SELECT o.origin FROM provenance_file o WHERE"
            " o.file_id = files.id AND o.dir = 'out') WHERE id IN"
            " (SELECT file_id FROM provenance_file WHERE dir = 'out')"
        )
        return atlas

    return catalog.write(write)


def touch(catalog: Catalog, file_id: int) -> None:
    """Let a file have other bytes, as the catalog tells it."""

    def write(tx: Any) -> None:
        tx.con.execute("UPDATE files SET mtime_ns = mtime_ns + 1 WHERE id = ?", (file_id,))
        row = tx.con.execute("SELECT study_id FROM files WHERE id = ?", (file_id,)).fetchone()
        tx.event("files.changed", project=PROJECT, study_id=row[0], file_ids=[file_id])

    catalog.write(write)


def seconds(work: Callable[[], object], rounds: int = 1) -> float:
    """Median time of some rounds."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def measure(bench: Bench, catalog: Catalog, n_attempts: int) -> None:
    """Print the figures of one catalog."""
    atlas = prepare(catalog, n_attempts)
    n_made = n_attempts * N_PER_ATTEMPT
    keeper = StaleKeeper(catalog)
    catalog.register_attribute(
        "STALE", stale_attribute, of_files=lambda value: stale_attribute(value, "file_id")
    )
    first = seconds(keeper.catch_up)
    bench.figure("stale.start", first, "s")
    with catalog.read() as con:
        one = con.execute("SELECT min(file_id) FROM provenance_file WHERE dir = 'in'").fetchone()[0]
        project = get_project(con, PROJECT).id
    touch(catalog, one)
    bench.figure("stale.one_input", seconds(keeper.catch_up) * 1e3, "ms")
    touch(catalog, atlas)
    bench.figure("stale.atlas", seconds(keeper.catch_up) / n_made * 1e6, "us/file")
    with catalog.read() as con:
        n = con.execute("SELECT count(*) FROM stale").fetchone()[0]
        assert n == n_made, n

        def files(text: str) -> list[int]:
            page = list_files(con, project, FileQuery(files=text, limit=200))
            return [row.id for row in page.items]

        def studies(text: str) -> object:
            return list_studies(con, project, StudyQuery(files=text, limit=200))

        ids = files("*")
        plain = seconds(lambda: files("*"), 5)
        bench.figure(
            "stale.page_with_marks",
            seconds(lambda: stale_texts(con, files("*")), 5) * 1e3,
            "ms",
            baseline=plain * 1e3,
        )
        assert len(ids) == 200
        for name, ask in (("files", files), ("studies", studies)):
            base = seconds(lambda ask=ask: ask("t1*"), 3)  # type: ignore[misc]
            marked = seconds(lambda ask=ask: ask("t1* & STALE:*"), 3)  # type: ignore[misc]
            bench.figure(f"stale.filter_{name}", marked * 1e3, "ms", baseline=base * 1e3)


def main() -> None:
    """Measure on a copy of the made catalog."""
    bench = Bench.from_arguments(__doc__)
    with TemporaryDirectory(dir=CACHE) as name:
        path = made_catalog(Path(name), small=bench.small)
        catalog = Catalog.open(path, migrations=catalog_extensions())
        try:
            measure(bench, catalog, 500 if bench.small else 50_000)
        finally:
            catalog.close()


if __name__ == "__main__":
    main()

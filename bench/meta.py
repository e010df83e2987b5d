"""Wildcard aggregate over 100k JSON documents: the leaf table against DuckDB's read_json.

Peers read files, as a person without a catalog would; ours has read them once, when they arrived.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _common import Bench

from appliance.catalog import (
    Catalog,
    CsvForm,
    MetaQuery,
    MetaStore,
    ensure_project,
    ensure_study,
    ensure_subject,
    meta_csv,
    meta_histogram,
    meta_keys,
    meta_table,
)
from appliance.catalog.bulk import NewFile, add_files

PER_STUDY = 4
AGGREGATE = (
    "SELECT key, count(num), avg(num), quantile_cont(num, [0.25, 0.5, 0.75]) FROM meta"
    " WHERE key LIKE '%.mask.volume' GROUP BY key"
)


def document(rng: random.Random) -> dict[str, Any]:
    """Radiomics of one to three regions, about twelve values."""
    regions = ("left", "right", "stem")[: rng.randint(1, 3)]
    return {
        region: {
            "mask": {"volume": rng.random() * 1e5, "diameter": rng.random() * 80},
            "mean": rng.random(),
            "skewness": rng.random(),
            "label": region,
            "ok": rng.random() > 0.1,
        }
        for region in regions
    }


def fill(catalog: Catalog, folder: Path, n: int) -> Any:
    """Put documents into the catalog and on disk."""
    rng = random.Random(1)
    project = catalog.write(lambda tx: ensure_project(tx, "bench"))

    def some(first: int) -> None:
        def write(tx: Any) -> None:
            for number in range(first, min(first + 500, n // PER_STUDY)):
                pid = f"S-{number // 2:05d}"
                subject = ensure_subject(tx, project.id, pid, sex="FM"[number // 2 % 2])
                study = ensure_study(tx, subject, f"V{number % 2}", age_years=20 + number % 60)
                docs = [json.dumps(document(rng)) for _ in range(PER_STUDY)]
                for k, doc in enumerate(docs):
                    (folder / f"{number:06d}_{k}.json").write_text(doc)
                files = [
                    NewFile(f"META/radio_{k}.json", len(doc), 1, "json", doc=doc)
                    for k, doc in enumerate(docs)
                ]
                add_files(tx, study, files, origin="bench")

        catalog.write(write)

    for first in range(0, n // PER_STUDY, 500):
        some(first)
    return project


def timed(work: Callable[[], Any], rounds: int) -> float:
    """Median of several rounds, in seconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2]


def read_json(folder: Path) -> float:
    """One cold pass of DuckDB over the files, as wildcard aggregate."""
    import duckdb

    con = duckdb.connect(config={"threads": 2})
    started = time.perf_counter()
    con.execute(
        "SELECT avg(v), count(v) FROM (SELECT"
        " unnest(json_extract(json, '$.*.mask.volume')::DOUBLE[]) AS v"
        " FROM read_json_objects(?))",
        [f"{folder}/*.json"],
    ).fetchall()
    seconds = time.perf_counter() - started
    con.close()
    return seconds


def read_json_typed(folder: Path) -> float:
    """The same with read_json, which finds out the types first."""
    import duckdb

    con = duckdb.connect(config={"threads": 2})
    started = time.perf_counter()
    con.execute(
        'SELECT avg(v), count(v) FROM (SELECT unnest(["left".mask.volume, "right".mask.volume,'
        " stem.mask.volume]) AS v FROM read_json(?, sample_size=1000))",
        [f"{folder}/*.json"],
    ).fetchall()
    seconds = time.perf_counter() - started
    con.close()
    return seconds


def main() -> None:
    """Measure."""
    bench = Bench.from_arguments(__doc__)
    n = 4000 if bench.small else 100_000
    root = Path(tempfile.mkdtemp(prefix="nora-bench-meta-"))
    try:
        measure(bench, root, n)
    finally:
        shutil.rmtree(root)


def measure(bench: Bench, root: Path, n: int) -> None:
    """Build, ask, change one thing, export."""
    folder = root / "files"
    folder.mkdir()
    catalog = Catalog.open(root / "catalog.sqlite")
    bench.say(f"{n} documents into the catalog and on disk")
    project = fill(catalog, folder, n)
    store = MetaStore(catalog, root / "meta")
    started = time.perf_counter()
    with store.fresh(project) as con:
        n_leaves = con.execute("SELECT count(*) FROM _leaf").fetchall()[0][0]
    bench.figure("leaf table: first build", time.perf_counter() - started, "s")
    bench.figure("leaf table: values", n_leaves, "leaves")
    size = sum(path.stat().st_size for path in (root / "meta").iterdir() if path.is_file())
    bench.figure("leaf table: size", size / 1e6, "MB")
    peer = read_json(folder)
    typed = read_json_typed(folder)
    bench.figure("read_json over files", typed, "s")
    with store.fresh(project) as con:
        ours = timed(lambda: con.execute(AGGREGATE).fetchall(), 7)
    bench.figure("speed-up over read_json", typed / ours, "x", at_least=100)
    bench.figure("speed-up over read_json_objects", peer / ours, "x")
    bench.figure("wildcard aggregate", ours * 1000, "ms", baseline=typed * 1000)
    ask(bench, catalog, store, project)
    store.close()
    catalog.close()


def ask(bench: Bench, catalog: Catalog, store: MetaStore, project: Any) -> None:
    """What the page asks, with the look for changes before each question."""
    columns = ["radio_0.left.mask.volume", "radio_1.left.mask.volume", "nodeinfo.subject.sex"]
    query = MetaQuery(columns=columns)

    def asked(work: Callable[[Any], Any]) -> Callable[[], Any]:
        def once() -> Any:
            with store.fresh(project) as con:
                return work(con)

        return once

    bench.figure("keys with counts", 1000 * timed(asked(meta_keys), 5), "ms")
    bench.figure("page of 200 rows", 1000 * timed(asked(lambda c: meta_table(c, query)), 5), "ms")
    bars = asked(lambda c: meta_histogram(c, query, columns[0]))
    bench.figure("histogram", 1000 * timed(bars, 5), "ms")
    names = MetaQuery(columns=["*.mask.volume", "*.mask.diameter"])
    form = CsvForm()
    whole = asked(lambda c: sum(map(len, meta_csv(c, names, form))))
    bench.figure("export of two patterns as CSV", timed(whole, 1), "s")

    def change() -> None:
        file = NewFile("META/radio_0.json", 1, 2, "json", doc='{"left": {"mask": {"volume": 1}}}')
        catalog.write(lambda tx: add_files(tx, 1, [file], origin="bench"))
        with store.fresh(project):
            pass

    bench.figure("write of one document and its sync", 1000 * timed(change, 5), "ms")


if __name__ == "__main__":
    main()

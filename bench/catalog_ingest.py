"""Files a second into a catalog of two million, and tags a second, over raw `executemany`.

A transaction a study of forty files, durable each (`synchronous=FULL`), with events and the
postings kept in step; the baseline writes the same rows of `paths` and `files`, as durably, with
nothing else. Bulk tags: 100,000 files get a tag, as one operation that can be undone; the baseline
is one `executemany` in one transaction.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from _busy import FILES, import_one
from _common import Bench
from _made_catalog import PROJECT, made_catalog

from appliance.catalog import Catalog, NewFile, add_files, ensure_study, ensure_subject, tag_many
from appliance.core import new_key, now_ms

_PATH = "INSERT INTO paths (path, path_fold) VALUES (?, ?) ON CONFLICT (path) DO NOTHING"
_FILE = (
    "INSERT INTO files (key, project_id, study_id, path_id, size_bytes, mtime_ns, kind, created_at)"
    " SELECT ?, ?, ?, id, ?, ?, 'image', ? FROM paths WHERE path = ?"
)


def paths_of(n: int) -> Iterator[str]:
    """Paths of the n-th new study, as `import_one` makes them."""
    for at in range(FILES):
        yield f"t1_trio_{at % 4}/s{at:03d}_{n % 50}.nii"


def one_by_one(catalog: Catalog, studies: int) -> float:
    """Files a second, each put by itself, with its series and header."""
    begin = time.perf_counter()
    for n in range(studies):
        import_one(catalog, PROJECT, n)
    return studies * FILES / (time.perf_counter() - begin)


def in_bulk(catalog: Catalog, project_id: int, studies: int) -> float:
    """Files a second, a study's files at once, as existing data is entered."""
    begin = time.perf_counter()
    for n in range(studies):
        files = [NewFile(path, 1, 1, "image") for path in paths_of(n)]

        def put(tx, n=n, files=files):  # type: ignore[no-untyped-def]
            study = ensure_study(tx, ensure_subject(tx, project_id, f"BULK-{n}"), "1")
            add_files(tx, study, files, origin="bench")

        catalog.write(put)
    return studies * FILES / (time.perf_counter() - begin)


def raw(path: Path, project_id: int, studies: int) -> float:
    """Files a second by executemany."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA synchronous = FULL")
        begin = time.perf_counter()
        for n in range(studies):
            con.execute("BEGIN IMMEDIATE")
            study = con.execute(
                "INSERT INTO studies (key, project_id, subject_id, sid, created_at)"
                " VALUES (?, ?, 1, ?, 0)",
                (new_key(), project_id, f"raw{n}"),
            ).lastrowid
            names = list(paths_of(n))
            con.executemany(_PATH, [(name, name.casefold()) for name in names])
            rows = [(new_key(), project_id, study, 1, 1, now_ms(), name) for name in names]
            con.executemany(_FILE, rows)
            con.execute("COMMIT")
        return studies * FILES / (time.perf_counter() - begin)


def tags(catalog: Catalog, ids: list[int]) -> float:
    """Tagged files a second."""
    begin = time.perf_counter()
    tag_many(catalog, "file", ids, ["bench"], actor="bench")
    with catalog.read() as con:
        assert con.keeper is None or con.keeper.state() is not None  # the postings know it too
    return len(ids) / (time.perf_counter() - begin)


def raw_tags(path: Path, ids: list[int]) -> float:
    """Tagged files a second by executemany."""
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA synchronous = FULL")
        begin = time.perf_counter()
        con.execute("BEGIN IMMEDIATE")
        tag_id = con.execute("INSERT INTO tags (name) VALUES ('raw')").lastrowid
        con.executemany("INSERT INTO file_tags VALUES (?, ?)", [(tag_id, i) for i in ids])
        con.execute("COMMIT")
        return len(ids) / (time.perf_counter() - begin)


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    studies, n_tags = (100, 10_000) if bench.small else (1000, 100_000)
    folder = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    try:
        path = made_catalog(folder, small=bench.small)
        with closing(sqlite3.connect(path)) as con:
            found = con.execute("SELECT id FROM projects WHERE name = ?", (PROJECT,)).fetchone()
            ids = [row[0] for row in con.execute("SELECT id FROM files LIMIT ?", (n_tags,))]
        base, base_tags = raw(path, found[0], studies), raw_tags(path, ids)
        catalog = Catalog.open(path)
        try:
            catalog.start_postings().wait_loaded(120)
            single = one_by_one(catalog, studies)
            bulk = in_bulk(catalog, found[0], studies)
            mine = tags(catalog, ids)
        finally:
            catalog.close()
        bench.figure("ingest_files", single, "files/s", baseline=base)
        bench.figure("ingest_files_bulk", bulk, "files/s", baseline=base)
        bench.figure("bulk_tags", mine, "tags/s", baseline=base_tags)
        bench.figure("bulk_tags_100k", 100_000 / mine, "s", at_most=5)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

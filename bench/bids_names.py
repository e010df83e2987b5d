"""Patterns on a BIDS project: names without the ids of their study against names as they are.

50,000 studies of 8 files each. The baseline is the same project with codes of subjects that the
names do not repeat, so that each name is kept as it is.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from _common import Bench

from appliance.catalog import (
    Catalog,
    FileQuery,
    StudyQuery,
    catalog_migrations,
    list_files,
    list_studies,
    select,
)
from appliance.catalog.migrate import migrate

_NAMES = (
    "anat/{0}_T1w.nii.gz",
    "anat/{0}_T1w.json",
    "anat/{0}_T2w.nii.gz",
    "anat/{0}_T2w.json",
    "func/{0}_task-rest_bold.nii.gz",
    "func/{0}_task-rest_bold.json",
    "dwi/{0}_dwi.nii.gz",
    "dwi/{0}_dwi.json",
)
_PATTERNS = {
    "bold": "func/*bold*",
    "subject": "*sub-0042*",
    "head": "anat/sub-0_4*",
    "lead": "*T1w*",
    "task": "*ses-1_task*",
    "absent": "*nothing*",
}
_FILE = (
    "INSERT INTO files (key, project_id, study_id, path_id, size_bytes, mtime_ns, kind, created_at)"
    " VALUES (?, 1, ?, ?, 1, 1, 'image', 0)"
)


def make(path: Path, n_subjects: int, code: str) -> float:
    """Make a catalog of an older form; give the seconds that bringing it up to date takes."""
    with closing(sqlite3.connect(path)) as con:
        from sqlite_utils import Database

        catalog_migrations.apply(Database(con), stop_before="m007_templates")
        con.execute("PRAGMA synchronous = OFF")
        con.execute("INSERT INTO projects (id, key, name, created_at) VALUES (1, 'k', 'bids', 0)")
        for n in range(1, n_subjects + 1):
            con.execute(
                "INSERT INTO subjects (id, key, project_id, pid, created_at)"
                " VALUES (?, ?, 1, ?, 0)",
                (n, str(n), code.format(n)),
            )
            for visit in (1, 2):
                _study(con, n, visit)
        con.commit()
    begin = time.perf_counter()
    migrate(path, (), None)
    return time.perf_counter() - begin


def _study(con: sqlite3.Connection, n: int, visit: int) -> None:
    study = 2 * n + visit - 2
    con.execute(
        "INSERT INTO studies (id, key, project_id, subject_id, sid, created_at)"
        " VALUES (?, ?, 1, ?, ?, 0)",
        (study, str(study), n, f"ses-{visit}"),
    )
    for place, name in enumerate(_NAMES):
        path = name.format(f"sub-{n:05d}_ses-{visit}")
        row = con.execute("INSERT INTO paths (path, path_fold) VALUES (?, ?)", (path, path.lower()))
        con.execute(_FILE, (f"{study}.{place}", study, row.lastrowid))


def ask(path: Path, rounds: int) -> tuple[dict[str, float], dict[str, list[int]]]:
    """Milliseconds of each question, and how many it finds."""
    times: dict[str, float] = {}
    found: dict[str, list[int]] = {}
    catalog = Catalog.open(path)
    try:
        begin = time.perf_counter()
        keeper = catalog.start_postings()
        assert keeper.wait_loaded(300)
        times["load"] = (time.perf_counter() - begin) * 1000
        with catalog.read() as con:
            found["paths"] = list(con.execute("SELECT count(*) FROM paths").fetchone())
            for name, pattern in _PATTERNS.items():
                first, again, by_sql = _three(con, keeper.paths.clear, pattern, rounds)
                times |= {name: first, f"{name}_again": again, f"{name}_select": by_sql}
                found[name] = [
                    list_studies(con, 1, StudyQuery(files=pattern)).total,
                    list_files(con, 1, FileQuery(files=pattern)).total,
                ]
    finally:
        catalog.close()
    return times, found


def _three(
    con: sqlite3.Connection, forget: Callable[[], None], pattern: str, rounds: int
) -> tuple[float, float, float]:
    """A page as typed for the first time, the same page again, and all files by a selector."""
    first, again, by_sql = [], [], []
    for n in range(rounds):
        forget()
        for times in (first, again):
            begin = time.perf_counter()
            list_studies(con, 1, StudyQuery(files=pattern))
            times.append((time.perf_counter() - begin) * 1000)
        if n < 2:
            begin = time.perf_counter()
            select(con, 1, pattern)
            by_sql.append((time.perf_counter() - begin) * 1000)
    return float(np.median(first)), float(np.median(again)), float(min(by_sql))


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    n_subjects, rounds = (500, 5) if bench.small else (25_000, 9)
    folder = Path(tempfile.mkdtemp(prefix="nora-bench-"))
    try:
        for name, code in (("literal", "S{:05d}"), ("templates", "sub-{:05d}")):
            (folder / name).mkdir()
            upgrade = make(folder / name / "catalog.sqlite", n_subjects, code)
            bench.say(f"{name}: brought up to date in {upgrade:.1f} s")
        literal, wanted = ask(folder / "literal" / "catalog.sqlite", rounds)
        ours, found = ask(folder / "templates" / "catalog.sqlite", rounds)
        for name in _PATTERNS:
            assert found[name] == wanted[name], name
        bench.figure("bids_paths", found["paths"][0], "rows", baseline=wanted["paths"][0])
        for name, value in ours.items():
            bench.figure(f"bids_{name}", value, "ms", baseline=literal[name])
        sizes = [
            (folder / name / "catalog.sqlite").stat().st_size / 1e6
            for name in ("templates", "literal")
        ]
        bench.figure("bids_database", sizes[0], "MB", baseline=sizes[1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

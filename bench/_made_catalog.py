"""A made catalog of 20,000 subjects, 50,000 studies and 2,000,000 files, kept for the next run."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from _common import CACHE

from appliance.catalog import Catalog, ensure_project
from appliance.core import new_key
from appliance.upkeep import catalog_extensions

__all__ = ["FILES_PER_STUDY", "PATTERNS", "PROJECT", "made_catalog"]

PROJECT = "big"
FILES_PER_STUDY = 40
PATTERNS = {
    "trio": "t1_trio*/s0*.nii",
    "s0__": "t1*/s0__.nii",
    "or": "t1_trio*/s00*.nii dwi*/s0*.nii",
    "lead": "*mask*",
    "meta": "META/*.json",
    "rare": "swi_39/s199.nii",
    "absent": "nowhere*/nothing.nii",
    "all": "*",
}
_FORM = 4  # grows when what is made changes
_SEQUENCES = [
    "t1_trio",
    "t1_mprage",
    "t2_flair",
    "t2_space",
    "dwi_b1000",
    "dwi_b3000",
    "bold_rest",
    "bold_task",
    "swi",
    "pd",
    "asl",
    "perf",
    "angio",
    "fieldmap",
]
_OFTEN = (4, 5, 3, 2, 3, 2, 3, 2, 1, 1, 1, 1, 1, 2)
_META = [
    "radiomics",
    "volumes",
    "thickness",
    "quality",
    "motion",
    "snr",
    "lesions",
    "asymmetry",
    "texture",
    "shape",
    "report",
]
_NAMES = [
    "brain",
    "seg",
    "bias",
    "warp",
    "inv",
    "tpm",
    "wm",
    "gm",
    "csf",
    "mean",
    "std",
    "adc",
    "fa",
    "md",
    "rgb",
    "tmax",
]


def made_catalog(folder: Path, *, small: bool) -> Path:
    """Copy the made catalog into a folder; it is made first if there is none yet.

    Returns
    -------
    Path
        The database file, free to be written to.
    """
    n_subjects = 400 if small else 20_000
    kept = CACHE / f"made-catalog-{_FORM}-{n_subjects}.sqlite"
    if not kept.exists():
        CACHE.mkdir(exist_ok=True)
        part = kept.with_suffix(".part")
        part.unlink(missing_ok=True)
        _make(part, n_subjects)
        part.rename(kept)
    path = folder / "catalog.sqlite"
    shutil.copyfile(kept, path)
    path.chmod(0o600)
    return path


def _make(path: Path, n_subjects: int) -> None:
    catalog = Catalog.open(path, migrations=catalog_extensions())
    project = catalog.write(lambda tx: ensure_project(tx, PROJECT))
    catalog.close()
    made = _Made(project.id, n_subjects)
    with closing(sqlite3.connect(path)) as con:
        con.execute("PRAGMA synchronous = OFF")
        con.executemany(
            "INSERT INTO subjects (id, key, project_id, pid, sex, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            made.subjects(),
        )
        con.executemany(
            "INSERT INTO studies (id, key, project_id, subject_id, sid, date, age_years,"
            " description, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            made.studies(),
        )
        con.executemany(
            "INSERT INTO series (id, key, study_id, number, protocol, modality, folder, created_at)"
            " VALUES (?, ?, ?, ?, ?, 'MR', ?, 0)",
            made.series(),
        )
        con.executemany(
            "INSERT INTO files (key, project_id, study_id, series_id, path_id, size_bytes,"
            " mtime_ns, sha256, kind, origin, header, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'made', ?, ?)",
            made.files(),
        )
        con.executemany("INSERT INTO paths (id, path, path_fold) VALUES (?, ?, ?)", made.paths())
        con.executemany("INSERT INTO tags (id, name) VALUES (?, ?)", enumerate(made.tags, 1))
        con.executemany("INSERT INTO study_tags VALUES (?, ?)", made.study_tags())
        con.executemany("INSERT INTO subject_tags VALUES (?, ?)", made.subject_tags())
        con.executemany("INSERT OR IGNORE INTO file_tags VALUES (?, ?)", made.file_tags())
        con.commit()
        con.execute("ANALYZE")
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class _Made:
    """Rows of every table, the same in every run."""

    tags = ("control", "patient", "pilot", "excluded", "mask", "atlas")

    def __init__(self, project_id: int, n_subjects: int) -> None:
        self.project_id = project_id
        self.n_subjects = n_subjects
        self.n_studies = n_subjects * 5 // 2
        self.random = random.Random(7)
        self.path_ids: dict[str, int] = {}
        self.folders: list[list[str]] = [self._folders() for _ in range(self.n_studies)]

    def subjects(self) -> Iterator[tuple[object, ...]]:
        for i in range(1, self.n_subjects + 1):
            yield i, new_key(), self.project_id, f"S-{i:05d}", "FM"[i % 2], 1_700_000_000_000

    def studies(self) -> Iterator[tuple[object, ...]]:
        for i in range(1, self.n_studies + 1):
            subject = (i - 1) % self.n_subjects + 1
            day = self.random.randrange(4000)
            date = f"{2012 + day // 366:04d}-{day // 28 % 12 + 1:02d}-{day % 28 + 1:02d}"
            words = self.random.choice(("Head routine", "Brain study", "Knee", "Whole body"))
            age = round(self.random.uniform(18, 90), 1)
            created = 1_700_000_000_000 + i
            sid = f"{date}_{i % 3}"
            yield i, new_key(), self.project_id, subject, sid, date, age, words, created

    def series(self) -> Iterator[tuple[object, ...]]:
        for study, folders in enumerate(self.folders, 1):
            for at, folder in enumerate(folders):
                name = folder.rpartition("_")[0]
                yield study * 10 + at, new_key(), study, at + 1, name, folder

    def files(self) -> Iterator[tuple[object, ...]]:
        header = '{"shape": [256, 256, 176], "voxel_mm": [1.0, 1.0, 1.0], "dtype": "int16"}'
        for study, folders in enumerate(self.folders, 1):
            for path, series, kind in self._study(study, folders):
                path_id = self.path_ids.setdefault(path, len(self.path_ids) + 1)
                size = self.random.randrange(1000, 40_000_000)
                sha = f"{self.random.getrandbits(256):064x}"
                text = header if kind == "image" else None
                mtime = 1_700_000_000_000_000_000 + study
                yield (
                    new_key(), self.project_id, study, series, path_id, size, mtime, sha, kind,
                    text, 1_700_000_000_000,
                )  # fmt: skip

    def paths(self) -> Iterator[tuple[int, str, str]]:
        for path, path_id in self.path_ids.items():
            yield path_id, path, path.casefold()

    def study_tags(self) -> Iterator[tuple[int, int]]:
        for study in range(1, self.n_studies + 1):
            yield 1 + (study % 10 > 0), study

    def subject_tags(self) -> Iterator[tuple[int, int]]:
        yield from ((3, subject) for subject in range(1, self.n_subjects, 20))

    def file_tags(self) -> Iterator[tuple[int, int]]:
        n = self.n_studies * FILES_PER_STUDY
        yield from ((5 + i % 2, i) for i in range(1, n, 40))

    def _folders(self) -> list[str]:
        chosen = self.random.choices(_SEQUENCES, _OFTEN, k=7)
        return sorted({f"{name}_{self.random.randrange(1, 39)}" for name in chosen})

    def _study(self, study: int, folders: list[str]) -> Iterator[tuple[str, int | None, str]]:
        meta = self.random.sample(_META, 4) if self.random.random() < 0.8 else []
        found = {f"META/{name}.json": (None, "json") for name in meta}
        while len(found) < FILES_PER_STUDY:
            at = self.random.randrange(len(folders))
            name, kind = self._name()
            found[f"{folders[at]}/{name}"] = (study * 10 + at, kind)
        if study % (self.n_studies // 2) == 7:
            found.popitem()
            found["swi_39/s199.nii"] = (None, "image")
        yield from ((path, series, kind) for path, (series, kind) in found.items())

    def _name(self) -> tuple[str, str]:
        draw = self.random.random()
        number = min(199, int(self.random.expovariate(1 / 10)) + 1)
        if draw < 0.75:
            return f"s{number:03d}.nii", "image"
        if draw < 0.77:
            return f"mask_{self.random.choice(_NAMES)}.nii", "mask"
        return f"{self.random.choice(_NAMES)}_{number % 3}.nii", "image"

"""Indexing and querying a BIDS dataset of 500 subjects x 2 sessions, over PyBIDS in its own venv.

Ours: reading the dataset into a project (walk, links, rows, sidecars with inheritance, JSON content
to be queried) until the receipt's rows are in; then the paths of all T1w images, and of images by a
value in their inherited sidecar. PyBIDS: `BIDSLayout` into its database, with metadata, then the
same two questions. Figures alone, for PyBIDS does neither: reading the headers of the images (while
the links go to the disk), and reading the folder again when nothing in it has changed.

Do not run it within six minutes after many files were deleted: ext4 passes over every inode that
was freed lately when it makes a new one, which costs us, who make 26,000, up to ten seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from _common import Bench, peer_python

from appliance.catalog import Catalog, ensure_project, get_project, select
from appliance.core import DataFolder, load_settings
from appliance.exchange import ExistingOptions, Importer, exchange_migrations
from appliance.exchange.existing_run import Reading
from appliance.privacy import IdentityStore
from tests.exchange.kit import HandQueue
from tests.exchange.trees import write_image

_PYBIDS = """
import json, sys, time
from bids import BIDSLayout
begin = time.perf_counter()
layout = BIDSLayout(sys.argv[1], validate=False, database_path=sys.argv[2])
index = time.perf_counter() - begin
begin = time.perf_counter()
t1 = layout.get(suffix="T1w", extension=".nii.gz", return_type="file")
query = time.perf_counter() - begin
begin = time.perf_counter()
found = layout.get(suffix="bold", extension=".nii.gz", RepetitionTime=1.5, return_type="file")
meta = time.perf_counter() - begin
print(json.dumps([index, query, len(t1), meta, len(found)]))
"""
_TR = (
    "SELECT count(*) FROM meta m JOIN files f ON f.id = m.file_id JOIN paths p ON p.id = f.path_id"
    " WHERE p.path_fold LIKE 'func/%_bold.json' AND json_extract(m.doc, '$.RepetitionTime') = 1.5"
)


def dataset(root: Path, n_subjects: int) -> int:
    """Write a dataset of 20 files a session, all images alike; gives the number of files."""
    image = write_image(root / "image.nii.gz").read_bytes()
    (root / "image.nii.gz").unlink()
    put(root / "dataset_description.json", {"Name": "bench", "BIDSVersion": "1.9.0"})
    put(root / "task-rest_bold.json", {"TaskName": "rest", "RepetitionTime": 2.0})
    rows = ["participant_id\tage\tsex"]
    for s in range(1, n_subjects + 1):
        subject = f"sub-{s:04d}"
        rows.append(f"{subject}\t{20 + s % 60}\t{'MF'[s % 2]}")
        for session in ("ses-1", "ses-2"):
            fill(root / subject / session, f"{subject}_{session}", image, s)
    (root / "participants.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return sum(1 for path in root.rglob("*") if path.is_file())


def put(path: Path, doc: object) -> None:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(doc), encoding="utf-8")


def fill(base: Path, name: str, image: bytes, subject: int) -> None:
    """One session: ten images, nine sidecars, gradients."""
    stems = [f"anat/{name}_{suffix}" for suffix in ("T1w", "T2w", "FLAIR")]
    stems += [f"func/{name}_task-rest_run-{run}_bold" for run in range(1, 6)]
    stems += [f"dwi/{name}_dwi", f"fmap/{name}_dir-AP_epi"]
    for n, stem in enumerate(stems):
        path = base / stem
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f"{path.name}.nii.gz").write_bytes(image)
        doc = {"EchoTime": 0.003 + n / 1000, "Manufacturer": "Maker", "FlipAngle": 9 + n}
        if "bold" in stem and subject % 2:
            doc["RepetitionTime"] = 1.5
        if n:  # the T1w has what it inherits alone
            put(path.with_name(f"{path.name}.json"), doc)
    for extension in (".bval", ".bvec"):
        (base / f"dwi/{name}_dwi{extension}").write_text("0 1000\n", encoding="utf-8")


class Ours:
    """The rooms that are needed, on a fresh data folder."""

    def __init__(self, root: Path) -> None:
        self.cpu_s = 0.0
        self.folder = DataFolder(root)
        self.folder.prepare()
        self.catalog = Catalog.open(self.folder.catalog_path, migrations=[exchange_migrations])
        self.catalog.write(lambda tx: ensure_project(tx, "bench"))
        self.queue = HandQueue()
        identities = IdentityStore.open(self.folder.identity_path)
        settings = load_settings(root, overrides={"data.min_free_bytes": 1 << 20})
        self.importer = Importer(self.catalog, identities, self.queue, self.folder, settings)

    def read(self, dataset: Path) -> tuple[float, float]:
        """Read a dataset; gives the seconds for rows and metadata, and for the headers."""
        marks: list[float] = []
        fill_headers = Reading._fill_headers

        def marked(reading: Reading) -> None:
            marks.append(time.perf_counter())
            fill_headers(reading)
            marks.append(time.perf_counter())

        Reading._fill_headers = marked  # type: ignore[method-assign]
        try:
            begin = time.perf_counter()
            options = ExistingOptions(layout="bids")
            key = self.importer.existing.begin("bench", dataset, options, actor="owner").key
            self.queue.run()
            end = time.perf_counter()
        finally:
            Reading._fill_headers = fill_headers  # type: ignore[method-assign]
        assert self.importer.receipt(key).state == "done", self.importer.receipt(key)
        headers = marks[1] - marks[0]
        return end - begin - headers, headers

    def paths(self) -> tuple[float, int]:
        """Paths of all T1w images."""
        with self.catalog.read() as con:
            project = get_project(con, "bench")
            begin = time.perf_counter()
            found = select(con, project.id, "anat/*_T1w.nii.gz")
            return time.perf_counter() - begin, len(found)

    def by_value(self) -> tuple[float, int]:
        """Images whose complete sidecar says a repetition time."""
        with self.catalog.read() as con:
            begin = time.perf_counter()
            n = con.execute(_TR).fetchone()[0]
            return time.perf_counter() - begin, int(n)


def main() -> None:
    """Print the figures."""
    bench = Bench.from_arguments(__doc__)
    python = peer_python("pybids", ["pybids==0.22.0"])
    with tempfile.TemporaryDirectory(prefix="nora-bench-") as temporary:
        root = Path(temporary)
        n = dataset(root / "ds", 25 if bench.small else 500)
        bench.say(f"{n} files")
        ours = Ours(root / "data")
        began = time.process_time()
        index, headers = ours.read(root / "ds")
        ours.cpu_s = time.process_time() - began
        again = sum(ours.read(root / "ds"))
        query, n_t1 = min(ours.paths() for _ in range(5))
        meta, n_tr = min(ours.by_value() for _ in range(5))
        bench.say("PyBIDS, once; this takes a while")
        before = os.times()
        command = [str(python), "-W", "ignore", "-c", _PYBIDS, str(root / "ds"), str(root / "db")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        theirs = json.loads(done.stdout.splitlines()[-1])
        after = os.times()
        cpu = sum(after[2:4]) - sum(before[2:4])
        assert (n_t1, n_tr) == (theirs[2], theirs[4]), (n_t1, n_tr, theirs)
        bench.figure(
            "index a BIDS dataset with metadata",
            theirs[0] / index,
            "times as fast as PyBIDS",
            at_least=20,
        )
        bench.figure("index", index, "s", baseline=theirs[0])
        bench.figure("processor time, with the headers", ours.cpu_s, "s", baseline=cpu)
        bench.figure("headers of its images besides", headers, "s")
        bench.figure("read it again, nothing has changed", again, "s")
        bench.figure("paths of all T1w images", query, "s", baseline=theirs[1])
        bench.figure("images by an inherited value", meta, "s", baseline=theirs[3])


if __name__ == "__main__":
    main()

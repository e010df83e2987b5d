"""What the demo does with a running service: three arrivals, files of a study, a saved batch."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from appliance.core import DataFolder, JobError, PeerError
from appliance.upkeep import prepare_demo

if TYPE_CHECKING:
    from appliance.client import Client, FileRow, JobRow, Receipt
    from appliance.exchange import Peer
    from appliance.upkeep import DemoSet

__all__ = ["BATCH_NAME", "PROJECT", "Check", "DemoRun", "Say", "wait_for_demo"]

BATCH_NAME = "Demo: brain mask and ROI statistics"
PROJECT = "default"
MASK = "derived/brain_mask.nii"
_DOORS = {"drop": "watched folder", "dicom": "DICOM listener", "upload": "HTTP upload"}
_BUSY = frozenset({"receiving", "pending", "working"})
_WITHIN_S = 300.0
_POLL_S = 0.2

Say = Callable[[str], None]


class Check(NamedTuple):
    """One thing that was looked at."""

    ok: bool
    text: str


class DemoRun:
    """The demo on one running service; what is already there is not done again.

    Parameters
    ----------
    client : Client
    folder : DataFolder
    packages : Path or None
        Unpacked demo packages with real data.
    """

    def __init__(self, client: Client, folder: DataFolder, packages: Path | None) -> None:
        self.client, self.folder = client, folder
        self.packages = packages

    def carry_out(self, say: Say) -> None:
        """Do everything that has not been done yet, and say what."""
        made = prepare_demo(self.folder.cache / "demo", self.packages, lambda t: say(f"data: {t}"))
        self.source = made.source
        self._arrivals(made, say)
        psid = self.study()
        self._extras(made, psid, say)
        self._batch(psid, say)

    # -- arrivals ---------------------------------------------------------------
    def receipts(self) -> dict[str, Receipt]:
        """The first arrival through each of the three doors, by kind."""
        found = list(self.client.all_receipts(project=PROJECT))
        return {receipt.kind: receipt for receipt in found if receipt.kind in _DOORS}

    def _arrivals(self, made: DemoSet, say: Say) -> None:
        """Bring the series in, each through its own door."""
        there = self.receipts()
        if "drop" not in there:
            say("a T1 series is dropped into the watched folder")
            _drop(made.drop, self.folder.drop)
        if "dicom" not in there:
            say("a T2 series is sent to the DICOM listener")
            self._send(sorted(made.send.glob("*.dcm")))
        if "upload" not in there:
            say("a zip of scanner files is uploaded")
            self.client.upload(PROJECT, made.archive)
        if len(there) < len(_DOORS):
            say("waiting for the imports")
        wait_for_demo(self._all_arrived, "the three arrivals")

    def _send(self, paths: list[Path]) -> None:
        """Send a series as a scanner would."""
        from appliance.exchange import send_objects

        send_objects(paths, _listener(self.client), ae_title="DEMOSCANNER")

    def _all_arrived(self) -> bool:
        """Whether all three are there and none is worked on."""
        found = self.receipts()
        return len(found) == len(_DOORS) and not any(r.state in _BUSY for r in found.values())

    def study(self) -> str:
        """``PID#SID`` of the made-up patient's visit."""
        studies = self.receipts()["drop"].studies
        if not studies:
            raise JobError("the dropped series made no study", hint="See the arrivals page.")
        return studies[0]

    def files(self, pattern: str) -> list[FileRow]:
        """Files of the visit that match a pattern."""
        psid = self.study()
        return [f for f in self.client.all_files(PROJECT, files=pattern) if f.psid == psid]

    def _extras(self, made: DemoSet, psid: str, say: Say) -> None:
        """Label map, surface and tractogram go straight to the study."""
        subject, study = psid.split("#", 1)
        missing = [path for path in made.extras if not self.files(f"*{path.name}")]
        if missing:
            say("label map, surface and streamlines are uploaded to the study")
        for path in missing:
            receipt = self.client.upload(PROJECT, path, subject=subject, study=study)
            self.client.wait_receipt(receipt.key, within_s=_WITHIN_S)

    # -- batch --------------------------------------------------------------------
    def _batch(self, psid: str, say: Say) -> None:
        """Save the batch and run it once."""
        self.client.save_batch(PROJECT, BATCH_NAME, batch_of(psid) | {"targets": []})
        if self.files(f"*{MASK}"):
            return
        say("the saved batch runs: brain mask, then ROI statistics")
        accepted = self.client.submit_batch(batch_of(psid))
        wait_for_demo(lambda: self._ended(accepted.key), "the batch")

    def _ended(self, batch_key: str) -> bool:
        """Whether all jobs of a batch have ended."""
        rows = self._jobs(batch_key)
        return bool(rows) and all(row.letter in "edk" for row in rows)

    def _jobs(self, batch_key: str | None = None) -> list[JobRow]:
        """Jobs of a batch, or of all batches of the demo."""
        rows = self.client.all_jobs(project=PROJECT, batch=batch_key, state="all")
        return [row for row in rows if row.batch_key]

    # -- what came of it ------------------------------------------------------------
    def checks(self) -> list[Check]:
        """Look at everything that the demo promises."""
        return [*self._check_arrivals(), *self._check_study(), *self._check_batch()]

    def _check_arrivals(self) -> list[Check]:
        """Three receipts, all complete."""
        found = self.receipts()
        checks = []
        for kind, door in _DOORS.items():
            receipt = found.get(kind)
            ok = receipt is not None and receipt.state == "done" and bool(receipt.studies)
            told = f"{receipt.state}, {receipt.n_files} files" if receipt else "nothing arrived"
            checks.append(Check(ok, f"arrival through the {door}: {told}"))
        return checks

    def _check_study(self) -> list[Check]:
        """Both series are in one study; label map, surface and streamlines lie beside them."""
        checks = []
        for what, pattern in (
            ("T1 image", "t1_mprage*.nii"),
            ("T2 image", "t2_tse*.nii"),
            ("label map", "*demo_labels*.nii"),
            ("surface", "*demo_brain.surf.gii"),
            ("streamlines", "*demo_tracts.tck"),
        ):
            rows = self.files(pattern)
            checks.append(Check(len(rows) == 1, f"{what} in the study: {_paths(rows)}"))
        return checks

    def _check_batch(self) -> list[Check]:
        """Both jobs are done, the mask has its tag and can be shown, the table is there."""
        rows = self._jobs()
        done = [row for row in rows if row.letter == "d"]
        told = ", ".join(f"{row.name} {row.state} {row.why}".strip() for row in rows) or "none"
        masks = self.files(f"*{MASK}")
        tagged = len(masks) == 1 and "mask" in masks[0].tags
        tables = self.files("*META/roi_statistics.json")
        return [
            Check(len(done) == len(rows) > 0, f"jobs of the batch: {told}"),
            Check(tagged, f"brain mask with its tag: {_paths(masks)}"),
            Check(len(tables) == 1, f"ROI statistics: {_paths(tables)}"),
        ]

    def summary(self) -> str:
        """What arrived and where to click, for a person."""
        lines = ["", f"Demo data: {self.source}", "", "Arrived:"]
        for kind, receipt in self.receipts().items():
            studies = ", ".join(receipt.studies) or "no study"
            lines.append(f"  {_DOORS[kind]:16} {receipt.n_files:4} files -> {studies}")
        lines += [
            "",
            f"Processed: {MASK} (tag mask) of {self.study()}",
            "",
            f"Click on {self.study()}, double click its T1 image, then drag the brain mask or the",
            "label map onto it. Jobs, arrivals and the manual are in the bar at the left.",
        ]
        return "\n".join(lines)


def batch_of(psid: str) -> dict[str, Any]:
    """The demo's batch over one study."""
    image = {"id": "image", "kind": "FILE", "value": "t1_mprage*/*.nii"}
    rois = [MASK, "*demo_labels*.nii"]
    return {
        "project": PROJECT,
        "name": BATCH_NAME,
        "level": "study",
        "mode": "serial",
        "targets": [psid],
        "jobs": [
            {
                "name": "Brain mask",
                "tool": "imaging.brain_mask",
                "args": [image, {"id": "mask", "kind": "OUT", "value": f"{MASK} TAG(mask)"}],
            },
            {
                "name": "ROI statistics",
                "tool": "imaging.roi_statistics",
                "args": [
                    image,
                    {"id": "roi", "kind": "FILE", "value": rois, "multiple": True},
                    {"id": "out", "kind": "OUT", "value": "META/roi_statistics.json"},
                ],
            },
        ],
    }


def _drop(source: Path, drop: Path) -> None:
    """Copy a folder under a hidden name and rename it, as a careful sender does."""
    draft = drop / f".{source.name}.part"
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(source, draft)
    draft.rename(drop / source.name)


def _listener(client: Client) -> Peer:
    """Where the running service listens; its settings need not be those of this command."""
    from appliance.exchange import Peer

    found = client.settings()
    if not found["dicom.enabled"]:
        raise PeerError("the DICOM listener is switched off", hint="Switch dicom.enabled on.")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(found["dicom.bind"], found["dicom.bind"])  # noqa: S104 - compared
    return Peer(host, found["dicom.port"], found["dicom.ae_title"])


def wait_for_demo(look: Callable[[], bool], what: str, within_s: float = _WITHIN_S) -> None:
    """Wait until something is so."""
    end = time.monotonic() + within_s
    while not look():
        if time.monotonic() > end:
            raise JobError(f"{what} did not end in {within_s:g} s", hint="See the jobs page.")
        time.sleep(_POLL_S)


def _paths(rows: list[FileRow]) -> str:
    """Paths of files, or that there are none."""
    return ", ".join(row.path for row in rows) or "missing"

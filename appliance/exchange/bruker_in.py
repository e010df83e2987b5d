"""Studies of Bruker ParaVision among what arrived: images are made of them, all of them is kept.

A reconstruction (``2dseq`` and ``visu_pars``) becomes NIfTI and a sidecar, which then go the way
of files with a known target; the files of the study stay as they came among the originals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import FormatError, atomic_write, safe_name
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.dicom_sort import Arrival, Scanned, visit_of
from appliance.exchange.disk import require_space, storing, sync_folders
from appliance.exchange.names import item_key
from appliance.exchange.quarantine import quarantine_item
from appliance.exchange.receipts import add_items, change_items, recount, update_items
from appliance.exchange.rows import ItemState
from appliance.exchange.series import Facts, Visit, facts_of, folders_of, identity_of
from appliance.privacy import Identity, IdentityConflict, scrub_sidecar

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.formats import BrukerFacts, DicomRecord

__all__ = ["scan_identities", "take_bruker"]

_PIXELS, _VISU, _PDATA = "2dseq", "visu_pars", "pdata"
_KEPT = "kept with the originals of its study"
_MADE = "bruker!/"  # what images are called that we made of a study
_LONELY = "the image of a ParaVision study without its visu_pars"
_LONELY_HINT = "Send the whole study: the folder that holds the file 'subject'."
_HINT = "The study is kept. Reconstruct it in ParaVision, or send its DICOM export."
_GROWTH = 4


def scan_identities(paths: Iterable[Path]) -> Iterator[DicomRecord | None]:
    """Read whose files are: DICOM objects, and parameters of ParaVision; None for others."""
    from appliance.formats import DicomRecord, bruker_facts, scan_dicom

    for found in scan_dicom(paths):
        if isinstance(found, DicomRecord):
            yield found
            continue
        try:
            yield _record(bruker_facts(found.path), found.path)
        except (FormatError, OSError):
            yield None


class _Scan(msgspec.Struct, frozen=True):
    """One reconstruction: its items, and the paths that they came with."""

    pixels: Any
    visu: Any
    root: str


def take_bruker(ctx: Context, arrival: Arrival, items: Sequence[Any], *, compress: bool) -> bool:
    """Make images of every ParaVision study of an arrival; a step that may be repeated.

    Returns
    -------
    bool
        Whether there was one: then the items of the arrival are others now.
    """
    named = {str(arrival.original[item["id"]]): item for item in items}
    scans, lonely = _scans(named)
    for item in lonely:
        quarantine_item(ctx, item, _LONELY, _LONELY_HINT)
    for scan in scans:
        _take(ctx, arrival, scan, compress=compress)
    taken = {item["id"] for scan in scans for item in (scan.pixels, scan.visu)}
    for root in dict.fromkeys(scan.root for scan in scans):
        rest = _below(named, root, taken | {item["id"] for item in lonely})
        change_items(ctx.catalog, arrival.receipt_id, _kept(arrival, root, rest))
    return bool(scans or lonely)


def _scans(named: Mapping[str, Any]) -> tuple[list[_Scan], list[Any]]:
    scans, lonely = [], []
    for path, item in named.items():
        home, _, name = path.rpartition("/")
        if name != _PIXELS:
            continue
        visu, parts = named.get(f"{home}/{_VISU}"), home.split("/")
        is_placed = len(parts) > 3 and parts[-2] == _PDATA
        if visu is None:
            lonely.append(item)
        else:
            scans.append(_Scan(item, visu, "/".join(parts[:-3]) if is_placed else home))
    return scans, lonely


def _below(named: Mapping[str, Any], root: str, taken: set[int]) -> dict[str, Any]:
    prefix = f"{root}/"
    return {p: i for p, i in named.items() if p.startswith(prefix) and i["id"] not in taken}


def _take(ctx: Context, arrival: Arrival, scan: _Scan, *, compress: bool) -> None:
    """Make the images of one reconstruction; one whose subject is in doubt waits."""
    from appliance.formats import bruker_facts, read_bruker

    pixels, visu = ctx.path(scan.pixels["place"]), ctx.path(scan.visu["place"])
    try:
        told = bruker_facts(visu)
        record = _record(told, visu)
        visit = visit_of(ctx, arrival, Scanned(scan.pixels, record))
        if isinstance(visit, IdentityConflict):
            _wait(ctx, arrival, scan, visit)
            return
        require_space(ctx.folder, ctx.settings, _GROWTH * scan.pixels["size_bytes"])
        images = read_bruker(visu, pixels)
    except FormatError as error:
        for item in (scan.pixels, scan.visu):
            quarantine_item(ctx, item, f"no image can be made of it: {error.message}", _HINT)
        return
    facts = facts_of(record, arrival.policy)
    sid, folder = ctx.catalog.write(lambda tx: _enter(tx, arrival, visit, facts, told.uid))
    crash_point("bruker.entered")
    made = _write(ctx, arrival, images, identity_of(record), compress=compress)
    _announce(ctx, arrival, scan, made, (visit.pid, sid, folder))


def _record(told: BrukerFacts, path: Path) -> DicomRecord:
    """Say it in the words of a DICOM header, by which subjects and studies are found."""
    from appliance.formats import DicomRecord

    return DicomRecord(
        path=path,
        size_bytes=0,
        sop_uid=told.uid,
        sop_class="",
        study_uid=told.study_uid,
        series_uid=told.uid,
        patient_id=told.subject_id,
        patient_name=told.subject_name,
        birth_date=told.birth_date,
        sex=told.sex,
        study_date=told.date,
        study_time=told.time,
        study_description=told.study,
        series_number=told.number,
        series_description=told.protocol,
        protocol=told.protocol,
        modality=told.modality,
        has_pixels=True,
    )


def _wait(ctx: Context, arrival: Arrival, scan: _Scan, why: IdentityConflict) -> None:
    change = {"state": ItemState.WAITING, "reason": why.message, "hint": why.hint}
    ids = (scan.pixels["id"], scan.visu["id"])
    change_items(ctx.catalog, arrival.receipt_id, [(item_id, change) for item_id in ids])


def _enter(
    tx: Tx, arrival: Arrival, visit: Visit, facts: Facts, series_uid: str
) -> tuple[str, str]:
    """Make subject, study and series; one that is known keeps its folders."""
    from appliance.catalog import ensure_series, ensure_study, ensure_subject

    sid, folder = folders_of(tx.con, visit, facts, arrival.policy, series_uid)
    study_id = ensure_study(
        tx,
        ensure_subject(tx, visit.project_id, visit.pid, sex=facts.sex),
        sid,
        study_uid=visit.study_uid or None,
        date=facts.date,
        time=facts.time,
        age_years=facts.age_years,
        description=facts.study_description or None,
    )
    ensure_series(
        tx,
        study_id,
        folder,
        series_uid=series_uid or None,
        number=facts.number,
        description=facts.description or None,
        protocol=facts.protocol or None,
        modality=facts.modality or None,
    )
    return sid, folder


def _write(
    ctx: Context, arrival: Arrival, images: Sequence[Any], identity: Identity, *, compress: bool
) -> list[tuple[int, str, Path]]:
    """Write images and sidecars into ``incoming/``: number, name and path of each, all durable."""
    from appliance.formats import write_nifti

    home = ctx.folder.incoming / arrival.key
    with ctx.catalog.read() as con:
        n = con.execute(
            "SELECT max(n) FROM receipt_items WHERE receipt_id = ?", (arrival.receipt_id,)
        ).fetchone()[0]
    made: list[tuple[int, str, Path]] = []
    ending = ".nii.gz" if compress else ".nii"
    with storing("an image of a ParaVision study"):
        for k, image in enumerate(images, 1):
            for suffix in (ending, ".json"):
                n += 1
                path = home / f"{n:06d}{suffix}"
                made.append((n, f"s{k:03d}{suffix}", path))
                if suffix == ending:
                    write_nifti(path, image.volume)
                else:
                    doc = scrub_sidecar(image.sidecar, identity)
                    with atomic_write(path) as stream:
                        stream.write(msgspec.json.format(msgspec.json.encode(doc)) + b"\n")
    sync_folders([home])
    crash_point("bruker.written")
    return made


def _announce(
    ctx: Context,
    arrival: Arrival,
    scan: _Scan,
    made: Sequence[tuple[int, str, Path]],
    where: tuple[str, str, str],
) -> None:
    """Let images stand for a reconstruction, whose files are kept, in one transaction."""
    pid, sid, folder = where
    ctx.identities.remember_names(
        (item_key(arrival.key, n), f"{_MADE}{folder}/{name}") for n, name, _ in made
    )
    items = []
    for n, _, path in made:
        facts = path.stat()
        items.append(
            {
                "n": n,
                "name": path.name,
                "place": ctx.place(path),
                "size_bytes": facts.st_size,
                "mtime_ns": facts.st_mtime_ns,
                "state": ItemState.RECEIVED,
                "pid": pid,
                "sid": sid,
            }
        )
    kept = _kept(
        arrival,
        scan.root,
        {str(arrival.original[item["id"]]): item for item in (scan.pixels, scan.visu)},
    )

    def write(tx: Tx) -> None:
        add_items(tx, arrival.receipt_id, items)
        update_items(tx, kept)
        recount(tx, [arrival.receipt_id])

    ctx.catalog.write(write)
    crash_point("bruker.announced")


def _kept(
    arrival: Arrival, root: str, files: Mapping[str, Any]
) -> list[tuple[int, dict[str, Any]]]:
    """Give files of a study their place among the originals, under the paths they have in it."""
    home = f"originals/{arrival.project.name}/bruker/{arrival.key}"
    changes = []
    for path, item in files.items():
        inner = "/".join(safe_name(part) for part in path[len(root) + 1 :].split("/"))
        change = {
            "state": ItemState.STORED,
            "reason": _KEPT,
            "place": f"{home}/{item['n']:06d}/{inner}",
            "from_place": item["place"],
        }
        changes.append((item["id"], change))
    return changes

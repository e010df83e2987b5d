"""Converted images to their study's folder, and a whole series into the catalog at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import atomic_write, fsync_file, now_ms
from appliance.exchange.clean import clean_output
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.dcm2niix import Output
from appliance.exchange.disk import storing, sync_folders
from appliance.exchange.receipts import recount
from appliance.exchange.resampled import RESAMPLED, label_resampled, reason_resampled
from appliance.exchange.series import Facts
from appliance.exchange.versions import (
    SUPERSEDED,
    drop_from,
    free_stem,
    held_stems,
    is_placed,
    stem_of,
)
from appliance.privacy import Identity

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.formats import FileFacts

__all__ = [
    "ENTERED",
    "PlacedFile",
    "enter_series",
    "place_named",
    "place_outputs",
    "write_nodeinfo",
]

ENTERED = "entered"  # in the catalog; ``nodeinfo.json`` and previews are still to come


class PlacedFile(msgspec.Struct, frozen=True):
    """One file in its final place: its path in the study, and what the catalog wants to know."""

    path: str
    facts: FileFacts
    tags: tuple[str, ...] = ()


def place_outputs(
    ctx: Context,
    row: Any,
    outputs: Sequence[Output],
    identity: Identity | None,
    *,
    compress: bool = False,
) -> list[PlacedFile]:
    """Scrub the sidecars, name everything ``s001...`` and rename it into the series' folder."""
    study = ctx.folder.projects / row["project"] / row["pid"] / row["sid"]
    home = study / row["folder"]
    ctx.folder.check_marker(ctx.folder.projects)
    ctx.make_folder(home)
    placed: list[PlacedFile] = []
    with storing("storing a converted series"):
        held = held_stems(ctx, row)
        for n, output in enumerate(label_resampled(outputs), 1):
            tags = (RESAMPLED,) if reason_resampled(output) else ()
            made = {_suffix(p): p for p in clean_output(output, identity, compress=compress)}
            stem = free_stem(home / f"s{n:03d}", made, held, study)
            placed += [
                _place_one(study, path, stem.with_name(stem.name + ending), tags)
                for ending, path in made.items()
            ]
    sync_folders([home])
    crash_point("convert.placed")
    return placed


def place_named(ctx: Context, row: Any, paths: Sequence[Path]) -> list[PlacedFile]:
    """Rename finished files into the series' folder, under the names they have."""
    study = ctx.folder.projects / row["project"] / row["pid"] / row["sid"]
    home = study / row["folder"]
    ctx.folder.check_marker(ctx.folder.projects)
    ctx.make_folder(home)
    held = held_stems(ctx, row)
    with storing("storing a converted series"):
        placed = []
        for path in paths:
            ending = path.name.removeprefix(stem_of(path.name))
            stem = free_stem(home / stem_of(path.name), {ending: path}, held, study)
            placed.append(_place_one(study, path, stem.with_name(stem.name + ending)))
    sync_folders([home])
    crash_point("convert.placed")
    return placed


def _suffix(path: Path) -> str:
    return ".nii.gz" if path.name.endswith(".nii.gz") else path.suffix


def _place_one(study: Path, path: Path, target: Path, tags: tuple[str, ...] = ()) -> PlacedFile:
    from appliance.formats import file_facts

    if is_placed(path, target):
        return PlacedFile(str(target.relative_to(study)), file_facts(target, strict=True), tags)
    facts = file_facts(path, strict=True)
    fsync_file(path)
    path.replace(target)
    return PlacedFile(str(target.relative_to(study)), facts, tags)


def enter_series(
    ctx: Context,
    row: Any,
    facts: Facts,
    placed: Sequence[PlacedFile],
    *,
    state: str = "converted",
    note: str = "",
) -> bool:
    """Catalog a series with its study, subject and files, and close its items, in one transaction.

    Parameters
    ----------
    state : str
        What becomes of its items.
    note : str
        What the receipt says of them.

    Returns
    -------
    bool
        False when more objects came meanwhile, so that it must be done again.
    """
    held = held_stems(ctx, row)
    return ctx.catalog.write(lambda tx: _enter(tx, row, facts, placed, (state, note, held)))


def _enter(
    tx: Tx, row: Any, facts: Facts, placed: Sequence[PlacedFile], told: tuple[str, str, set[str]]
) -> bool:
    from appliance.catalog import add_file, tag

    state, note, held = told
    now = tx.con.execute("SELECT rev FROM incoming_series WHERE id = ?", (row["id"],)).fetchone()
    if now["rev"] != row["rev"]:
        return False
    if placed:
        study_id, series_id, origin = _rows(tx, row, facts)
        for file in placed:
            file_id = add_file(
                tx, study_id, file.path, series_id=series_id, origin=origin, **file.facts
            )
            if file.tags or held:
                tag(tx, "file", [file_id], add=file.tags, remove=[SUPERSEDED])
        _retire(tx, row, study_id, [file.path for file in placed], held)
    _close_items(tx, row, placed, state, note)
    return True


def _rows(tx: Tx, row: Any, facts: Facts) -> tuple[int, int, str]:
    from appliance.catalog import ensure_series, ensure_study, ensure_subject

    first = tx.con.execute(
        "SELECT r.key, count(*) OVER () AS n FROM receipt_items i JOIN receipts r"
        " ON r.id = i.receipt_id WHERE i.series_id = ? AND i.place LIKE 'originals/%'"
        " ORDER BY i.id",
        (row["id"],),
    ).fetchone()
    subject_id = ensure_subject(tx, row["project_id"], row["pid"], sex=facts.sex)
    study_id = ensure_study(
        tx,
        subject_id,
        row["sid"],
        study_uid=row["study_uid"],
        date=facts.date,
        time=facts.time,
        age_years=facts.age_years,
        description=facts.study_description or None,
    )
    series_id = ensure_series(
        tx,
        study_id,
        row["folder"],
        series_uid=row["series_uid"],
        number=facts.number,
        description=facts.description or None,
        protocol=facts.protocol or None,
        modality=facts.modality or None,
        n_instances=first["n"],
        key=row["key"],
    )
    return study_id, series_id, f"receipt:{first['key']}"


def _retire(tx: Tx, row: Any, study_id: int, paths: list[str], held: set[str]) -> None:
    """Put files into the trash that an earlier conversion of this series made and this did not."""
    from appliance.catalog import files_at, trash_files

    gone = set(msgspec.json.decode(row["outputs"])) - set(paths)
    there = {
        path: file_id
        for path, file_id in files_at(tx.con, study_id, gone).items()
        if tx.con.execute(
            "SELECT 1 FROM files WHERE id = ? AND trashed_at IS NULL", (file_id,)
        ).fetchone()
    }
    ids = drop_from(tx, study_id, there, held)
    if ids:
        trash_files(tx, ids, "import")


def _close_items(tx: Tx, row: Any, placed: Sequence[PlacedFile], state: str, note: str) -> None:
    tx.con.execute(
        "UPDATE incoming_series SET state = ?, reason = '', done_rev = ?, outputs = ? WHERE id = ?",
        (
            ENTERED,
            row["rev"],
            msgspec.json.encode([file.path for file in placed]).decode(),
            row["id"],
        ),
    )
    touched = tx.con.execute(
        "UPDATE receipt_items SET state = ?, reason = ?, hint = '' WHERE series_id = ?"
        " AND place LIKE 'originals/%' AND state IN ('sorted', 'quarantined', 'stored')"
        " RETURNING receipt_id",
        (state, note or ("" if placed else "no image; kept with the originals"), row["id"]),
    ).fetchall()
    recount(tx, {found[0] for found in touched})


def write_nodeinfo(ctx: Context, row: Any) -> None:
    """Write ``nodeinfo.json`` at the root of a study, from what the catalog knows of it."""
    with ctx.tree_lock:
        with ctx.catalog.read() as con:
            study = con.execute(
                "SELECT t.id, t.sid, t.date, t.time, t.age_years, t.description, u.pid, u.sex"
                " FROM studies t JOIN subjects u ON u.id = t.subject_id"
                " WHERE t.project_id = ? AND u.pid = ? AND t.sid = ?",
                (row["project_id"], row["pid"], row["sid"]),
            ).fetchone()
            if study is None:
                return
            series = con.execute(
                "SELECT folder, number, description, protocol, modality, n_instances FROM series"
                " WHERE study_id = ? ORDER BY number, folder",
                (study["id"],),
            ).fetchall()
        doc = {
            "project": row["project"],
            "subject": {"id": study["pid"], "sex": study["sex"]},
            "study": {k: study[k] for k in ("sid", "date", "time", "age_years", "description")},
            "series": [dict(one) for one in series],
            "written_at": now_ms(),
        }
        path = ctx.folder.projects / row["project"] / row["pid"] / row["sid"] / "nodeinfo.json"
        with storing("nodeinfo.json"), atomic_write(path) as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(doc)) + b"\n")

"""Results as objects on disk that wait to be sent; they are removed once all were acknowledged."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import msgspec

from appliance.core import atomic_write, new_key
from appliance.exchange.context import Context
from appliance.exchange.disk import require_space, storing
from appliance.exchange.push_series import SeriesOut
from appliance.exchange.push_values import NewPush, PushWish

if TYPE_CHECKING:
    from appliance.formats import Label
    from appliance.geometry import Volume

__all__ = [
    "FOLDER",
    "RoiForm",
    "document_wish",
    "forget_results",
    "made",
    "roi_wish",
    "series_wish",
]

FOLDER = "outgoing"
RoiForm = Literal["seg", "rtstruct"]
_NUMBERS: dict[RoiForm, int] = {"seg": 900, "rtstruct": 901}


def series_wish(ctx: Context, one: SeriesOut, push: NewPush) -> PushWish:
    """Wish that the kept objects of a series go."""
    return PushWish(push=push, like=ctx.path(one.places[0]))


def roi_wish(
    ctx: Context,
    one: SeriesOut,
    form: RoiForm,
    title: str,
    rois: tuple[Volume, Sequence[Label]],
) -> PushWish:
    """Wish that ROIs go as a segmentation or structure set of the series they were drawn on."""
    objects = [ctx.path(place) for place in one.places]

    def make(stream: BinaryIO) -> None:
        from appliance.formats import (
            RESEARCH,
            result_tags,
            write_segmentation,
            write_structures,
        )

        tags = result_tags(objects[0], title, _NUMBERS[form])
        if form == "seg":
            more = {"ContentLabel": "RESEARCH", "ContentDescription": RESEARCH}
            write_segmentation(stream, objects, *rois, tags | more)
        else:
            more = {"StructureSetLabel": "RESEARCH", "StructureSetDescription": RESEARCH}
            write_structures(stream, objects, *rois, tags | more)

    return PushWish(push=_push(one, form, title), like=objects[0], make=make)


def document_wish(ctx: Context, one: SeriesOut, title: str, data: bytes) -> PushWish:
    """Wish that a picture goes as a secondary capture, or a PDF as an encapsulated document."""
    like, is_pdf = ctx.path(one.places[0]), data.startswith(b"%PDF-")

    def make(stream: BinaryIO) -> None:
        from appliance.formats import write_picture, write_report

        (write_report if is_pdf else write_picture)(stream, data, like, title)

    kind = "report" if is_pdf else "picture"
    return PushWish(push=_push(one, kind, title), like=like, make=make)


def made(ctx: Context, wish: PushWish) -> NewPush:
    """Make the object of a result, durable when this returns."""
    require_space(ctx.folder, ctx.settings)
    path = ctx.folder.root / FOLDER / f"{new_key()}.dcm"
    assert wish.make is not None  # noqa: S101 - only results are made
    with storing("a result that is to be sent"):
        ctx.make_folder(path.parent)
        path.parent.chmod(0o700)
        with atomic_write(path) as stream:
            wish.make(stream)
    return msgspec.structs.replace(wish.push, places=[ctx.place(path)])


def forget_results(ctx: Context, places: Sequence[str]) -> None:
    """Remove what was made to be sent and has arrived; originals stay."""
    for place in places:
        if Path(place).parts[0] == FOLDER:
            with contextlib.suppress(OSError):
                ctx.path(place).unlink()


def _push(one: SeriesOut, kind: str, title: str) -> NewPush:
    return NewPush(
        kind=kind,
        pid=one.pid,
        psid=one.psid,
        study_uid=one.study_uid,
        what=title,
        places=[],
    )

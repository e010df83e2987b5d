"""Routes of tilt series: single slices of a tomogram, made anew without some tilts."""

from __future__ import annotations

from pathlib import Path

from litestar import Response, get
from litestar.params import FromPath, FromQuery

from appliance import catalog, tomography
from appliance.core import Invalid, NotFound
from appliance.web.schemas.tilt_series import TiltSeriesSlices
from appliance.web.services import Rooms, Services

__all__ = ["ROUTES"]

_REPORT = "report.json"


@get("/tilt-series/{file_id:int}/slices", right="reader", sync_to_thread=True)
def slices_of(services: Rooms, file_id: FromPath[int]) -> TiltSeriesSlices:
    """Tell what slices of a tilt series there are; the file is its ``report.json``."""
    return TiltSeriesSlices.of(tomography.facts_of(_folder(services, file_id)))


@get("/tilt-series/{file_id:int}/slice", right="reader", sync_to_thread=True)
def make_slice(
    services: Rooms,
    file_id: FromPath[int],
    axis: FromQuery[str] = "z",
    index: FromQuery[int] = 0,
    without: FromQuery[str] = "",
) -> Response[bytes]:
    """Make a slice anew as PNG, without some tilts (``3,17``; they count from 0)."""
    if axis not in ("z", "y"):
        raise Invalid("a slice lies across z or y")
    folder = _folder(services, file_id)
    made = services.slices.picture(folder, axis, index, _numbers(without))
    timing = {"Server-Timing": f"slice;dur={1000 * made.seconds:.0f}"}
    return Response(made.png, media_type="image/png", headers=timing)


def _folder(services: Services, file_id: int) -> Path:
    with services.catalog.read() as con:
        row = catalog.get_file(con, file_id)
    if row.name != _REPORT:
        raise NotFound("this file is no report of a tilt series")
    return catalog.file_path(services.folder, row).parent


def _numbers(text: str) -> list[int]:
    words = [word for word in text.split(",") if word]
    if not all(word.isascii() and word.isdigit() for word in words):
        raise Invalid(f"{text!r} is no list of tilts", hint="Write their numbers from 0: 3,17.")
    return [int(word) for word in words]


ROUTES = [slices_of, make_slice]

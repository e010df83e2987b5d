"""Route by which series of a study are converted again from their originals."""

from __future__ import annotations

from litestar import post
from litestar.params import FromPath, JSONBody

from appliance.web.schemas.conversions import Conversions, ConvertAgain
from appliance.web.services import Rooms

__all__ = ["ROUTES"]


@post(
    "/studies/{study_id:int}/conversions",
    right="editor",
    job=True,
    status_code=202,
    sync_to_thread=True,
)
def convert_again(
    services: Rooms, study_id: FromPath[int], data: JSONBody[ConvertAgain]
) -> Conversions:
    """Convert series again from their kept originals; the results replace those of before."""
    return Conversions(services.importer.convert_again(study_id, data.series))


ROUTES = [convert_again]

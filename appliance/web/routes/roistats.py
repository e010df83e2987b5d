"""Routes of ROI statistics: as rows, as CSV, and saved as a document of a study."""

from __future__ import annotations

from litestar import Response, post
from litestar.params import FromPath, JSONBody

from appliance.web import measuring
from appliance.web.schemas.rois import SavedFile
from appliance.web.schemas.roistats import MeasureRois, RoiStatistics, SaveStatistics
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]

_MOST_BYTES = 512 << 20


@post(
    "/rois/statistics",
    right="reader",
    within="handler",
    status_code=200,
    sync_to_thread=True,
    request_max_body_size=_MOST_BYTES,
)
def measure_rois(services: Rooms, who: Who, data: JSONBody[MeasureRois]) -> RoiStatistics:
    """Measure all of some ROIs in all of some images, per time point."""
    return measuring.statistics(services, who, data)


@post(
    "/rois/statistics/csv",
    right="reader",
    within="handler",
    status_code=200,
    sync_to_thread=True,
    request_max_body_size=_MOST_BYTES,
)
def measure_rois_csv(services: Rooms, who: Who, data: JSONBody[MeasureRois]) -> Response[str]:
    """Measure, and give the rows as CSV."""
    headers = {"Content-Disposition": 'attachment; filename="roi_statistics.csv"'}
    table = measuring.as_csv(services, who, data)
    return Response(table, media_type="text/csv", headers=headers)


@post(
    "/studies/{study_id:int}/rois/statistics",
    right="editor",
    status_code=201,
    sync_to_thread=True,
    request_max_body_size=_MOST_BYTES,
)
def save_roi_statistics(
    services: Rooms, who: Who, study_id: FromPath[int], data: JSONBody[SaveStatistics]
) -> SavedFile:
    """Measure, and save the numbers as JSON, where metadata queries find them."""
    return measuring.save_statistics(services, who, study_id, data)


ROUTES = [measure_rois, measure_rois_csv, save_roi_statistics]

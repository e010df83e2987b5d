"""The client: one method for each thing that programs ask of the service."""

from __future__ import annotations

import os

from appliance.client.annotations import AnnotationCalls
from appliance.client.arrivals import ArrivalCalls
from appliance.client.autoloaders import AutoloaderCalls
from appliance.client.autorules import AutoRuleCalls
from appliance.client.care import CareCalls
from appliance.client.content import ContentCalls
from appliance.client.curation import CurationCalls
from appliance.client.data import DataCalls
from appliance.client.erasures import ErasureCalls
from appliance.client.jobs import JobCalls
from appliance.client.managing import ManagingCalls
from appliance.client.meta import MetaCalls
from appliance.client.pacs import PacsCalls
from appliance.client.provenance import ProvenanceCalls
from appliance.client.pushes import PushCalls
from appliance.client.releases import ReleaseCalls
from appliance.client.rois import RoiCalls
from appliance.client.routing import RoutingCalls
from appliance.client.tools import ToolCalls
from appliance.client.work import WorkCalls

__all__ = ["Client", "connect"]


class Client(
    DataCalls,
    MetaCalls,
    ContentCalls,
    ArrivalCalls,
    PacsCalls,
    PushCalls,
    RoutingCalls,
    WorkCalls,
    JobCalls,
    AutoRuleCalls,
    AutoloaderCalls,
    ProvenanceCalls,
    RoiCalls,
    AnnotationCalls,
    ToolCalls,
    CurationCalls,
    ManagingCalls,
    ErasureCalls,
    ReleaseCalls,
    CareCalls,
):
    """Speaks to one service.

    Parameters
    ----------
    base_url : str, optional
        Its origin, such as ``"http://127.0.0.1:8181"``, which is the default.
    socket : str or Path, optional
        Its Unix socket instead; then no token is needed.
    token : str, optional
        Bearer token.

    Examples
    --------
    >>> with Client.from_environment() as nora:  # doctest: +SKIP
    ...     nora.select("default", "t1*/s0*.nii")
    """


def connect() -> Client:
    """Make a client of the service that the surroundings name: a job's, or this machine's.

    Examples
    --------
    >>> nora = connect()  # doctest: +SKIP
    >>> image = nora.get(nora.select("default", "t1*")[0])  # doctest: +SKIP
    """
    if os.environ.get("NORA_URL") or os.environ.get("NORA_SOCKET"):
        return Client.from_environment()
    return Client.local()

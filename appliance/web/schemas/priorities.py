"""The order of waiting jobs as the API takes it."""

from __future__ import annotations

from appliance.web.schemas.base import Input
from appliance.web.schemas.batches import JobFilter

__all__ = ["JobPriority"]


class JobPriority(Input, frozen=True):
    """A priority for waiting jobs: those named by key, or all that fit a filter.

    Attributes
    ----------
    priority : int
        The largest starts first; 0 is usual.
    """

    priority: int
    keys: tuple[str, ...] = ()
    where: JobFilter | None = None

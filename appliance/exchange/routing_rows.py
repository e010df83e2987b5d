"""The values of routing: conditions on what arrives, where it goes, and what a trial tells."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "ARRIVAL_FIELDS",
    "Condition",
    "Door",
    "Forward",
    "Missed",
    "Route",
    "RouteTable",
    "RouteTried",
    "Sample",
]

Door = Literal["dicom", "drop", "upload", "cli"]
Compare = Literal["is", "is_not", "contains", "like", "regex", "less", "more", "within"]
ARRIVAL_FIELDS = ("calling", "called", "address", "source", "time", "weekday")
"""What is known of an arrival without its header: AE titles, address, folder, local time, day."""


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One comparison; case does not matter, and any value of a field with several may fit.

    Attributes
    ----------
    field : str
        One of `ARRIVAL_FIELDS`, a DICOM keyword such as ``StationName``, or ``0018,1030``.
    op : str
        ``is`` and ``is_not`` take several values, separated by commas; ``like`` has ``*``;
        ``within`` is a range such as ``07:00-19:00`` or ``1.4-1.6``.
    """

    field: str
    op: Compare
    value: str = ""


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule: what it takes, and what is done with it.

    Attributes
    ----------
    when : tuple of Condition
        All must hold; none: the rule takes everything.
    doors : tuple of str
        Doors that it looks at.
    project : str
        Where the arrival goes; empty: where its door sends it.
    tags : tuple of str
        Put on the studies.
    series_folder : str
        Template of the folders of series, in place of the project's.
    fire : tuple of str
        Autoexecution rules of the project that run on it, also those that wait to be told.
    forward : tuple of str
        Archives that get its DICOM objects as they came.
    """

    name: str
    when: tuple[Condition, ...] = ()
    doors: tuple[Door, ...] = ("dicom", "drop")
    project: str = ""
    tags: tuple[str, ...] = ()
    series_folder: str = ""
    fire: tuple[str, ...] = ()
    forward: tuple[str, ...] = ()
    enabled: bool = True


class RouteTable(msgspec.Struct, frozen=True, kw_only=True):
    """All rules in their order, and what keeps some of them from working, by name.

    `rev` is the revision of the table; 0: none was ever kept.
    """

    routes: tuple[Route, ...] = ()
    rev: int = 0
    problems: dict[str, str] = {}


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What rules look at: one series of an arrival, and what is known of the arrival.

    `place` is that of one of its objects; empty when it has none.
    """

    door: str
    project: str
    facts: dict[str, str]
    place: str = ""


class Missed(msgspec.Struct, frozen=True):
    """A rule that did not take a series, and the field on which it failed."""

    rule: str
    field: str


class RouteTried(msgspec.Struct, frozen=True, kw_only=True):
    """Which rule would take one series of an arrival; no value of its header is told."""

    receipt: str
    at: int
    door: str
    source: str
    project: str
    modality: str
    psid: str
    series: str
    rule: str
    goes_to: str
    missed: list[Missed]


class Forward(msgspec.Struct, frozen=True, kw_only=True):
    """Objects of one series of an arrival that are sent on.

    `state` is queued, running, done, failed, or held while sending there is switched off.
    """

    key: str
    project: str
    psid: str
    series: str
    node: str
    route: str
    state: str
    n_objects: int
    n_sent: int
    tries: int
    reason: str
    hint: str
    receipt: str
    created_at: int
    updated_at: int

"""Shows the clusters that jobs are handed to, and asks one how it is."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.core import NotFound
from appliance.jobs import ClusterAdapter
from appliance.web.schemas import Adapter, Items, Probed
from appliance.web.schemas.adapters import AdapterStep

__all__ = ["adapters", "probe"]


def adapters(found: Sequence[ClusterAdapter]) -> Items[Adapter]:
    """List clusters."""
    return Items([_adapter(one) for one in found])


def probe(found: Sequence[ClusterAdapter], name: str) -> Probed:
    """Ask a cluster now.

    Raises
    ------
    NotFound
        If there is none of this name.
    """
    cluster = next((one for one in found if one.name == name), None)
    if cluster is None:
        raise NotFound(f"there is no adapter {name!r}")
    steps = [
        AdapterStep(step=one.step, ok=one.ok, text=one.text, hint=one.hint)
        for one in cluster.examine()
    ]
    wrong = next((one for one in steps if not one.ok), None)
    if wrong is not None:
        return Probed(ok=False, text=wrong.text, hint=wrong.hint, steps=steps)
    return Probed(ok=True, text="; ".join(one.text for one in steps), steps=steps)


def _adapter(one: ClusterAdapter) -> Adapter:
    settings = one.settings
    return Adapter(
        name=one.name,
        kind=settings.kind,
        host=settings.host,
        queues=settings.queues,
        problem=one.problem(),
        paths=[f"{pair.here} → {pair.there}" for pair in settings.paths],
    )

"""Sends objects on without rows of its own, for rules that keep their own; checks whose they are.

By C-STORE, with TLS where the node says so, or by STOW-RS.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from appliance.core import PacsNode, PeerError, Refused
from appliance.exchange.pacs_link import Archive
from appliance.exchange.pacs_nodes import link_to
from appliance.exchange.push_check import check_archive_agrees, said_by
from appliance.exchange.push_store import send_all
from appliance.exchange.push_values import ObjectState, Outgoing, Reply

__all__ = ["forward_objects"]


def forward_objects(name: str, node: PacsNode, ae_title: str, paths: Sequence[Path]) -> list[Reply]:
    """Send the objects of one series to an archive.

    Parameters
    ----------
    name : str
        The archive's name in the settings.
    ae_title : str
        How we call ourselves, unless `node` says otherwise.

    Returns
    -------
    list of Reply
        What was said of each object, `n` counting from 1; all were acknowledged.

    Raises
    ------
    Refused
        If nothing may be sent there, the objects were pseudonymised, the archive knows them as
        somebody else's, or it refused some of them; trying again does not help.
    PeerError
        If it does not answer, or fell silent; what was sent may go again.
    """
    if not node.push:
        raise Refused(f"sending to {name} is off", hint=f"Set push = true for {name}.")
    link = link_to(name, node, ae_title)
    if node.push_check:
        _check(link, paths)
    replies: list[Reply] = []

    def heard(some: Sequence[Reply]) -> bool:
        replies.extend(some)
        return True

    send_all(link, [Outgoing(n, path) for n, path in enumerate(paths, 1)], heard)
    refused = [one for one in replies if one.state is ObjectState.REFUSED]
    if refused:
        raise Refused(
            f"{len(refused)} of {len(paths)} objects were refused: {refused[0].text}",
            hint="Look into the archive's log.",
        )
    if len(replies) < len(paths):
        raise PeerError(f"{link} did not acknowledge all objects")
    return replies


def _check(link: Archive, paths: Sequence[Path]) -> None:
    for path in paths[:1]:
        ours, study_uid = said_by(path)
        check_archive_agrees(link, ours, study_uid, new_study=True)

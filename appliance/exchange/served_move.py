"""One request to send (C-MOVE): objects to an archive as the asker may see them, and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from appliance.core import FormatError, Refused
from appliance.exchange.dicomweb import Asked, OwnArchive, Viewer, WebObject
from appliance.exchange.pacs_link import Archive
from appliance.exchange.push_check import check_archive_agrees, said_by
from appliance.exchange.push_store import send_all
from appliance.exchange.push_values import ObjectState, Outgoing, Reply
from appliance.privacy import Withheld

__all__ = ["Moving", "Tell"]

_AT_ONCE = 200  # objects that are written under their codes before they are sent


class Moving:
    """Sends, and counts as it goes.

    Parameters
    ----------
    archive : OwnArchive
    link : Archive
        Where to.
    viewer : Viewer
        How the asker sees objects.
    tell : callable
        Hears of every step; gives whether to go on.

    Attributes
    ----------
    n_left, n_sent, n_failed : int
        Objects.
    is_cancelled : bool
        Whether the asker wants no more.
    """

    def __init__(self, archive: OwnArchive, link: Archive, viewer: Viewer, tell: Tell) -> None:
        self._archive, self._link, self._viewer, self._tell = archive, link, viewer, tell
        self.n_left = self.n_sent = self.n_failed = 0
        self.is_cancelled = False

    def send(self, project: str, parts: Sequence[Asked]) -> None:
        """Send the objects of studies, series, or single ones.

        Raises
        ------
        Refused
            If they would go under codes to an archive of patients, or it says they are somebody
            else's.
        PeerError
            If it does not answer.
        """
        if self._link.node.push_check and not self._viewer.named:
            raise Refused("an archive of patients takes nothing under codes")
        found = [one for part in parts for one in self._archive.objects(part, self._viewer)]
        self.n_left = len(found)
        self._check(found)
        for start in range(0, len(found), _AT_ONCE):
            if self.is_cancelled:
                return
            some = found[start : start + _AT_ONCE]
            with TemporaryDirectory(dir=self._archive.importer.ctx.folder.tmp) as folder:
                send_all(self._link, list(self._written(project, some, Path(folder))), self._heard)

    def _check(self, found: Sequence[WebObject]) -> None:
        """Ask the archive whose each study is."""
        if not self._link.node.push_check:
            return
        for one in {one.study: one for one in found}.values():
            ours, uid = said_by(self._archive.importer.ctx.path(one.place))
            check_archive_agrees(self._link, ours, uid, new_study=True)

    def _written(self, project: str, some: Sequence[WebObject], folder: Path) -> Iterator[Outgoing]:
        """Give objects as files; those that may not leave are failed."""
        for n, one in enumerate(some, 1):
            if self._viewer.named:
                yield Outgoing(n, self._archive.importer.ctx.path(one.place))
                continue
            path = folder / f"{n}.dcm"
            try:
                path.write_bytes(self._archive.content(Asked(project=project), one, self._viewer))
            except (Withheld, FormatError):
                self._count(failed=1)
            else:
                yield Outgoing(n, path)

    def _heard(self, replies: Sequence[Reply]) -> bool:
        sent = sum(one.state is ObjectState.ACKNOWLEDGED for one in replies)
        self._count(sent=sent, failed=len(replies) - sent)
        self.is_cancelled = not self._tell(self) and self.n_left > 0
        return not self.is_cancelled

    def _count(self, *, sent: int = 0, failed: int = 0) -> None:
        self.n_sent += sent
        self.n_failed += failed
        self.n_left -= sent + failed


Tell = Callable[[Moving], bool]
"""Hears how far it is; gives whether to go on."""

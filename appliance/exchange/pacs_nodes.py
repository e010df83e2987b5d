"""The archives that are known: those of the settings, changed while the service runs."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Mapping

import msgspec

from appliance.core import (
    Conflict,
    DataFolder,
    NotFound,
    PacsNode,
    Settings,
    SettingsError,
    save_setting,
)
from appliance.exchange.pacs_contacts import Contacts
from appliance.exchange.pacs_hours import Hours
from appliance.exchange.pacs_link import Archive, Link
from appliance.exchange.pacs_web import WebLink
from appliance.exchange.push_tls import check_tls

__all__ = ["Nodes", "link_to"]

_KEY = "pacs.nodes"
_ABOVE = ("environment", "command line")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_TITLE = re.compile(r"[!-\[\]-~][ -\[\]-~]{0,15}")


class Nodes:
    """The archives by name, and the ways to them.

    Parameters
    ----------
    settings : Settings
        Sections ``pacs`` and ``dicom``.
    folder : DataFolder
        Where changes are kept.
    on_change : callable
        Hears the name of an archive that was changed or removed, with the way to what it was.

    Attributes
    ----------
    links : dict of str to Archive
        Changed in place.
    contacts : Contacts
        What was heard of each last.

    Raises
    ------
    SettingsError
        If a node cannot be understood.
    """

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self._folder, self._source = folder, settings.source(_KEY)
        self.title = settings.dicom.ae_title.strip()
        self._nodes = dict(settings.pacs.nodes)
        self._lock = threading.Lock()
        self.links = {name: link_to(name, one, self.title) for name, one in self._nodes.items()}
        self.contacts = Contacts(self.links)

    @property
    def all(self) -> Mapping[str, PacsNode]:
        """Every archive, by name."""
        return dict(self._nodes)

    @property
    def fixed_by(self) -> str:
        """What sets the archives above the file that we write; empty: they can be changed."""
        return self._source if self._source in _ABOVE else ""

    def of(self, project: str) -> dict[str, PacsNode]:
        """Give the archives that a project may use."""
        return {
            name: node
            for name, node in self.all.items()
            if not node.projects or project in node.projects
        }

    def askers(self) -> list[str]:
        """Titles under which we ask."""
        return [link.calling for link in list(self.links.values()) if link.calling]

    def put(self, name: str, node: PacsNode) -> None:
        """Add an archive, or change one; it counts at once, and after the next start.

        Raises
        ------
        SettingsError
            If it cannot be understood.
        Conflict
            If the archives are set by the environment or the command line.
        """
        link = link_to(name, node, self.title)
        self._change(lambda nodes: nodes | {name: node})
        old = self.links.get(name)
        self.links[name] = link
        self._forget(name, old)

    def remove(self, name: str) -> None:
        """Remove an archive; what is to come from it fails.

        Raises
        ------
        NotFound
            If there is none of this name.
        Conflict
            As `put` does.
        """
        if name not in self._nodes:
            raise NotFound(f"there is no PACS node {name!r}")
        self._change(lambda nodes: {one: node for one, node in nodes.items() if one != name})
        self._forget(name, self.links.pop(name, None))

    def _change(self, change: Callable[[dict[str, PacsNode]], dict[str, PacsNode]]) -> None:
        if self.fixed_by:
            raise Conflict(
                f"the archives are set by the {self.fixed_by}",
                hint="Change them there, and start the service again.",
            )
        with self._lock:
            nodes = change(self._nodes)
            told = {name: _told(node) for name, node in nodes.items()}
            save_setting(self._folder.conf_path, _KEY, told)
            self._nodes = nodes

    def _forget(self, name: str, old: Archive | None) -> None:
        self.contacts.forget(name)
        if old is not None:
            old.close()


def link_to(name: str, node: PacsNode, ae_title: str) -> Archive:
    """Give the way to an archive.

    Raises
    ------
    SettingsError
        If the node cannot be understood.
    """
    _check(name, node)
    return WebLink(name, node) if node.method == "web" else Link(name, node, ae_title)


def _told(node: PacsNode) -> dict[str, object]:
    """Give what differs from the defaults."""
    plain = msgspec.to_builtins(node)
    default = msgspec.to_builtins(PacsNode())
    return {name: value for name, value in plain.items() if value != default[name]}


def _check(name: str, node: PacsNode) -> None:
    where = f"pacs.nodes.{name}"
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{where}: no name of a node", hint="Letters, digits, - and _, 32 at most."
        )
    _check_numbers(where, node)
    Hours(node.window)
    check_tls(where, node)
    if node.method == "web":
        if not re.match(r"https?://[^/]", node.url):
            raise SettingsError(f"{where}: url names no address", hint="https://HOST/dicom-web")
        return
    for title in (node.ae_title, node.calling or "-", node.destination or "-"):
        if not _TITLE.fullmatch(title):
            raise SettingsError(f"{where}: {title!r} is no AE title of 1 to 16 characters")
    if not node.host or not 0 < node.port < 65536:
        raise SettingsError(f"{where}: host and port name no address")


def _check_numbers(where: str, node: PacsNode) -> None:
    waits = (node.find_pause_s, node.move_pause_s, node.retry_s)
    if any(not math.isfinite(one) or one < 0 for one in waits):
        raise SettingsError(f"{where}: a pause is counted from 0 seconds on")
    limits = (node.timeout_s, node.pull_timeout_s, node.max_answers, node.tries)
    if any(not math.isfinite(one) or one <= 0 for one in limits):
        raise SettingsError(f"{where}: timeouts, answers and tries are counted from 1 on")

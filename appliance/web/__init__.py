"""The HTTP face of the appliance: routes of a few lines, guards, events, files and the web UI.

Never decides anything about data: every handler calls a room below and converts its answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.web.app import create_app
    from appliance.web.notebooks import NotebookServer
    from appliance.web.server import WebServer, bind_tcp, bind_unix
    from appliance.web.services import Services
    from appliance.web.systemd import sd_notify

_NAMES = {
    "NotebookServer": "notebooks",
    "Services": "services",
    "WebServer": "server",
    "bind_tcp": "server",
    "bind_unix": "server",
    "create_app": "app",
    "sd_notify": "systemd",
}
__getattr__ = lazy_door(__name__, _NAMES)

__all__ = [
    "NotebookServer",
    "Services",
    "WebServer",
    "bind_tcp",
    "bind_unix",
    "create_app",
    "sd_notify",
]
